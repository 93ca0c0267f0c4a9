package chart

import (
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/bench/result"
)

// everyRow has a row for each point of each chart.
func everyRow() *result.Run {
	run := new(result.Run)
	add := func(scenario, subject, figure string, parameters map[string]string, value float64) {
		row := result.Row{Scenario: scenario, Subject: subject, Parameters: parameters}
		row.Add(figure, "x", value)
		row.Add(figure, "x", value*1.1)
		run.Rows = append(run.Rows, row)
	}
	for _, b := range barCharts {
		add(b.scenario, ours, b.figure, b.with, 2)
		add(b.scenario, "another <kind>", b.figure, b.with, 20)
		if b.base != "" && b.base != ours {
			add(b.scenario, b.base, b.figure, b.with, 1)
		}
	}
	for _, q := range curveCharts {
		for _, l := range q.lines {
			for i, x := range []string{"1", "20", "100"} {
				parameters := map[string]string{l.parameter: x}
				for name, value := range l.with {
					parameters[name] = value
				}
				add(l.scenarios[i%len(l.scenarios)], l.subject, l.figure, parameters, float64(i+1))
			}
		}
	}
	return run
}

func TestEveryChartIsDrawnOfARunThatHasItsRows(t *testing.T) {
	files := FromRun(everyRow())
	if want := len(barCharts) + len(curveCharts); len(files) != want {
		t.Errorf("%d charts were drawn, want %d", len(files), want)
	}
	seen := map[string]bool{}
	for _, f := range files {
		if seen[f.Name] {
			t.Errorf("two charts are called %s", f.Name)
		}
		seen[f.Name] = true
		if text := string(f.SVG); strings.Contains(text, "NaN") || strings.Contains(text, "<kind>") {
			t.Errorf("%s: %s", f.Name, text)
		}
	}
}

func TestARunWithoutRowsHasNoCharts(t *testing.T) {
	if files := FromRun(new(result.Run)); len(files) != 0 {
		t.Errorf("%d charts were drawn of nothing", len(files))
	}
}

func TestRatiosHaveTheDigitsThatCount(t *testing.T) {
	for v, want := range map[float64]string{1.0943: "1.09 ×", 4.36: "4.4 ×", 117.9: "118 ×", 0.4512: "0.45 ×", 1: "1 ×"} {
		if got := ratio(v); got != want {
			t.Errorf("%v is printed as %q, want %q", v, got, want)
		}
	}
}
