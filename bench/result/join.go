package result

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Join adds what an earlier run has measured and this one has not. Runs of
// different machines, toolchains or settings are not joined: their figures would
// stand side by side as if they could be compared.
func (r *Run) Join(earlier *Run) error {
	if err := r.comparable(earlier); err != nil {
		return fmt.Errorf("join with the earlier run: %w", err)
	}
	var again []string
	for _, part := range r.Parts {
		again = append(again, part.Scenarios...)
	}
	measured := func(scenario string) bool { return slices.Contains(again, scenario) }
	var parts []Part
	for _, part := range earlier.Parts {
		part.Failed = slices.DeleteFunc(slices.Clone(part.Failed), func(f Failure) bool { return measured(f.Scenario) })
		if part.Scenarios = slices.DeleteFunc(slices.Clone(part.Scenarios), measured); len(part.Scenarios) > 0 {
			parts = append(parts, part)
		}
	}
	rows := slices.DeleteFunc(slices.Clone(earlier.Rows), func(row Row) bool { return measured(row.Scenario) })
	r.Parts, r.Rows = append(parts, r.Parts...), append(rows, r.Rows...)
	return nil
}

func (r *Run) comparable(earlier *Run) error {
	mine, other := r.Machine, earlier.Machine
	mine.Fsync, other.Fsync = 0, 0 // measured anew each time
	switch {
	case mine != other:
		return errors.New("it is of another machine")
	case r.Go != earlier.Go:
		return fmt.Errorf("it was built with %s, this one with %s", earlier.Go, r.Go)
	case !maps.Equal(r.Settings, earlier.Settings):
		return fmt.Errorf("its settings were %s, now they are %s", parameterText(earlier.Settings), parameterText(r.Settings))
	}
	return nil
}
