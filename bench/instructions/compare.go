package instructions

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
)

// Read reads counts that Write wrote.
func Read(path string) (*Counts, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the counts of before: %w", err)
	}
	c := new(Counts)
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("read the counts of before from %s: %w", path, err)
	}
	return c, nil
}

// Write writes the counts, rounded: what lies behind is chance.
func (c *Counts) Write(path string) error {
	rounded := *c
	rounded.Executed = make(map[string]float64)
	for name, executed := range c.Executed {
		rounded.Executed[name] = math.Round(executed)
	}
	text, err := json.MarshalIndent(&rounded, "", "\t")
	if err != nil {
		return fmt.Errorf("encode the counts: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the counts: %w", err)
	}
	return nil
}

// Compare prints the counts beside those of before, and returns the names of
// workloads that execute more than tolerance percent more, or are not in both.
func (c *Counts) Compare(w io.Writer, before *Counts, tolerance float64) (worse []string, err error) {
	names := slices.Sorted(maps.Keys(c.Executed))
	for _, name := range slices.Sorted(maps.Keys(before.Executed)) {
		if _, ok := c.Executed[name]; !ok {
			names = append(names, name)
		}
	}
	text := fmt.Appendf(nil, "%-42s %14s %14s %9s\n", "instructions to", "before", "now", "change")
	for _, name := range names {
		was, now := before.Executed[name], c.Executed[name]
		verdict := ""
		switch change := 100 * (now/was - 1); {
		case was == 0 || now == 0:
			verdict = "not in both"
			worse = append(worse, name)
		case change > tolerance:
			verdict = fmt.Sprintf("%+8.2f%%  more than %g%%", change, tolerance)
			worse = append(worse, name)
		case change < -tolerance:
			verdict = fmt.Sprintf("%+8.2f%%  keep it: make instructions-update", change)
		default:
			verdict = fmt.Sprintf("%+8.2f%%", change)
		}
		text = fmt.Appendf(text, "%-42s %14.0f %14.0f %s\n", name, was, now, verdict)
	}
	if c.Go != before.Go || c.Arch != before.Arch || c.Valgrind != before.Valgrind {
		text = fmt.Appendf(text, "Before with %s %s %s, now with %s %s %s: that differs too.\n",
			before.Go, before.Arch, before.Valgrind, c.Go, c.Arch, c.Valgrind)
	}
	_, err = w.Write(text)
	return worse, err
}
