package result

import (
	"fmt"
	"strings"
)

// Selector names one row.
type Selector struct {
	Scenario string `json:"scenario"`
	Subject  string `json:"subject"`
	// Parameters must all be the row's; others of the row do not matter.
	Parameters map[string]string `json:"parameters,omitempty"`
}

func (s Selector) matches(r *Row) bool {
	if s.Scenario != r.Scenario || s.Subject != r.Subject {
		return false
	}
	for name, value := range s.Parameters {
		if r.Parameters[name] != value {
			return false
		}
	}
	return true
}

// String returns the selector for messages and tables.
func (s Selector) String() string {
	return strings.TrimSpace(s.Scenario + " " + s.Subject + " " + parameterText(s.Parameters))
}

func (s Selector) row(rows []Row) *Row {
	for i := range rows {
		if s.matches(&rows[i]) {
			return &rows[i]
		}
	}
	return nil
}

// Goal is a ratio to reach, or with no row to compare with, a figure to reach.
type Goal struct {
	// What says in a line what the goal is for.
	What string
	// Figure is the name of the figure that is compared.
	Figure string
	// ToFigure is the name of the other row's figure where it is another one.
	ToFigure string
	Of       Selector
	// To is the row to compare with; zero for a figure by itself.
	To Selector
	// Limit is the greatest value that reaches the goal, or the least one where
	// AtLeast is set. What is only Reported has none.
	Limit    float64
	AtLeast  bool
	Reported bool
}

// Ratio is a goal with what was found.
type Ratio struct {
	What   string   `json:"what"`
	Figure string   `json:"figure"`
	Of     Selector `json:"of"`
	To     Selector `json:"to,omitzero"`
	// Unit is that of the figure; a ratio of two figures has none.
	Unit string `json:"unit,omitempty"`
	// Value is the median of the rounds' ratios, each taken within its round, so
	// that drift between rounds does not enter it.
	Value float64 `json:"value"`
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
	// Goal is such as "≤ 1.1"; empty where the ratio is only reported.
	Goal    string `json:"goal,omitempty"`
	Reached bool   `json:"reached"`
	// Missing says why there is no value.
	Missing string `json:"missing,omitempty"`
}

// Judge works out the ratio of each goal. One whose rows are not there is kept,
// with what is missing, unless its own row's scenario was not run at all.
func Judge(goals []Goal, rows []Row) []Ratio {
	ran := make(map[string]bool)
	for i := range rows {
		ran[rows[i].Scenario] = true
	}
	var ratios []Ratio
	for _, g := range goals {
		if ran[g.Of.Scenario] {
			ratios = append(ratios, g.judge(rows))
		}
	}
	return ratios
}

func (g Goal) judge(rows []Row) Ratio {
	r := Ratio{What: g.What, Figure: g.Figure, Of: g.Of, To: g.To}
	values, unit, err := g.values(rows)
	if err != nil {
		r.Missing = err.Error()
	} else {
		f := NewFigure(unit, values...)
		r.Unit, r.Value, r.Min, r.Max = f.Unit, f.Median, f.Min, f.Max
	}
	switch {
	case g.Reported:
	case g.AtLeast:
		r.Goal, r.Reached = "≥ "+limitText(g.Limit), err == nil && r.Value >= g.Limit
	default:
		r.Goal, r.Reached = "≤ "+limitText(g.Limit), err == nil && r.Value <= g.Limit
	}
	return r
}

// limitText prints a limit as one would say it.
func limitText(limit float64) string {
	text := number(limit)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// values returns the ratio of each round.
func (g Goal) values(rows []Row) (values []float64, unit string, err error) {
	of, err := g.figure(g.Of, g.Figure, rows)
	if err != nil {
		return nil, "", err
	}
	if g.To.Scenario == "" {
		return of.Values, of.Unit, nil
	}
	toFigure := g.ToFigure
	if toFigure == "" {
		toFigure = g.Figure
	}
	to, err := g.figure(g.To, toFigure, rows)
	if err != nil {
		return nil, "", err
	}
	for i := range min(len(of.Values), len(to.Values)) {
		if to.Values[i] == 0 {
			return nil, "", fmt.Errorf("%s: %s is 0", g.To, toFigure)
		}
		values = append(values, of.Values[i]/to.Values[i])
	}
	return values, "", nil
}

func (g Goal) figure(s Selector, name string, rows []Row) (Figure, error) {
	row := s.row(rows)
	if row == nil {
		return Figure{}, fmt.Errorf("%s was not measured", s)
	}
	f, ok := row.Figures[name]
	if !ok || len(f.Values) == 0 {
		return Figure{}, fmt.Errorf("%s has no figure %s", s, name)
	}
	return f, nil
}
