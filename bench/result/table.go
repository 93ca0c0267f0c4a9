package result

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// WriteTable writes the run as Markdown: the machine, one table for each
// scenario, and the ratios.
func (r *Run) WriteTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d × %s, %s, %s, fsync %s ms; %s, %s.\n", r.Machine.Cores, r.Machine.CPU, r.Machine.System, r.Machine.Kernel,
		number(r.Machine.Fsync), r.Go, parameterText(r.Settings))
	b.WriteString("Medians of all rounds (in brackets least to greatest).\n")
	for _, part := range r.Parts {
		fmt.Fprintf(&b, "\n%s, commit %s, %s, up to %d rounds: %s.\n", part.Date.Format("2006-01-02 15:04"), part.Commit, part.Size, part.Rounds,
			strings.Join(part.Scenarios, ", "))
		for _, missing := range part.Missing {
			fmt.Fprintf(&b, "\n**Not measured:** %s\n", missing)
		}
		for _, failed := range part.Failed {
			fmt.Fprintf(&b, "\n**Failed:** %s: %s\n", failed.Scenario, failed.Error)
		}
	}
	for _, scenario := range r.scenarios() {
		r.writeScenario(&b, scenario)
	}
	r.writeRatios(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// scenarios returns the names of the scenarios in the order of their rows.
func (r *Run) scenarios() []string {
	var names []string
	for i := range r.Rows {
		if !slices.Contains(names, r.Rows[i].Scenario) {
			names = append(names, r.Rows[i].Scenario)
		}
	}
	return names
}

func (r *Run) writeScenario(b *strings.Builder, scenario string) {
	var rows []*Row
	var figures []string
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.Scenario != scenario {
			continue
		}
		rows = append(rows, row)
		for _, name := range row.Order {
			if !slices.Contains(figures, name) {
				figures = append(figures, name)
			}
		}
	}
	fmt.Fprintf(b, "\n## %s\n\n| subject | with |", scenario)
	for _, name := range figures {
		fmt.Fprintf(b, " %s |", heading(name, rows))
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(figures)) + "\n")
	for _, row := range rows {
		fmt.Fprintf(b, "| %s | %s |", row.Subject, row.ParameterText())
		for _, name := range figures {
			fmt.Fprintf(b, " %s |", cell(row.Figures[name]))
		}
		b.WriteByte('\n')
	}
	writeNotes(b, rows)
}

// writeNotes writes each note once, with the subjects that it is about.
func writeNotes(b *strings.Builder, rows []*Row) {
	var notes []string
	about := make(map[string][]string)
	for _, row := range rows {
		if row.Note == "" {
			continue
		}
		if about[row.Note] == nil {
			notes = append(notes, row.Note)
		}
		if !slices.Contains(about[row.Note], row.Subject) {
			about[row.Note] = append(about[row.Note], row.Subject)
		}
	}
	for _, note := range notes {
		fmt.Fprintf(b, "\n%s: %s\n", strings.Join(about[note], ", "), note)
	}
}

func heading(name string, rows []*Row) string {
	for _, row := range rows {
		if f, ok := row.Figures[name]; ok && f.Unit != "" {
			return name + ", " + f.Unit
		}
	}
	return name
}

func cell(f Figure) string {
	switch len(f.Values) {
	case 0:
		return ""
	case 1:
		return number(f.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", number(f.Median), number(f.Min), number(f.Max))
}

func (r *Run) writeRatios(b *strings.Builder) {
	if len(r.Ratios) == 0 {
		return
	}
	b.WriteString("\n## Ratios\n\n| what | value | goal | | scenario |\n|---|---|---|---|---|\n")
	for i := range r.Ratios {
		ratio := &r.Ratios[i]
		value, verdict := fmt.Sprintf("%s %s", number(ratio.Value), ratio.Unit), "reached"
		switch {
		case ratio.Missing != "":
			value, verdict = "–", ratio.Missing
		case ratio.Goal == "":
			verdict = ""
		case !ratio.Reached:
			verdict = "**not reached**"
		}
		if ratio.Missing == "" && ratio.Min != ratio.Max {
			value += fmt.Sprintf(" (%s–%s)", number(ratio.Min), number(ratio.Max))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | `%s` |\n", ratio.What, value, ratio.Goal, verdict, ratio.Of.Scenario)
	}
}

// number writes three digits that count, and thousands apart.
func number(v float64) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if digits > 0 {
		return text
	}
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
