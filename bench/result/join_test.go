package result

import (
	"slices"
	"testing"
)

func run(machine string, scenarios ...string) *Run {
	r := &Run{Machine: Machine{CPU: machine}, Go: "go", Settings: map[string]string{"GOGC": "800"}}
	part := Part{Commit: "c", Scenarios: scenarios}
	for _, name := range scenarios {
		row := Row{Scenario: name, Subject: "s"}
		row.Add(CPU, Microseconds, float64(len(scenarios)))
		r.Rows = append(r.Rows, row)
	}
	r.Parts = []Part{part}
	return r
}

func TestTheLaterRunOfAScenarioCounts(t *testing.T) {
	earlier, later := run("m", "a", "b", "c"), run("m", "b")
	if err := later.Join(earlier); err != nil {
		t.Fatal(err)
	}
	if got := later.scenarios(); !slices.Equal(got, []string{"a", "c", "b"}) {
		t.Errorf("scenarios are %v", got)
	}
	if got := later.Rows[2].Figures[CPU].Median; got != 1 {
		t.Errorf("b has the figure %v of the earlier run", got)
	}
	if len(later.Parts) != 2 || !slices.Equal(later.Parts[0].Scenarios, []string{"a", "c"}) {
		t.Errorf("parts are %+v", later.Parts)
	}
}

func TestAPartThatWasMeasuredAgainIsGone(t *testing.T) {
	later := run("m", "a")
	if err := later.Join(run("m", "a")); err != nil {
		t.Fatal(err)
	}
	if len(later.Parts) != 1 || len(later.Rows) != 1 {
		t.Errorf("%d parts and %d rows", len(later.Parts), len(later.Rows))
	}
}

func TestRunsOfDifferentMachinesAreNotJoined(t *testing.T) {
	if err := run("m", "a").Join(run("n", "b")); err == nil {
		t.Error("they were joined")
	}
}
