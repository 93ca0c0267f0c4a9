package instructions

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOnlyMoreThanTheToleranceIsWorse(t *testing.T) {
	before := &Counts{Executed: map[string]float64{"same": 1000, "more": 1000, "bit more": 1000, "less": 1000, "gone": 1000}}
	now := &Counts{Executed: map[string]float64{"same": 1000, "more": 1031, "bit more": 1029, "less": 500, "new": 1}}
	var text strings.Builder
	worse, err := now.Compare(&text, before, 3)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"more", "new", "gone"}; !slices.Equal(worse, want) {
		t.Errorf("worse are %q, want %q:\n%s", worse, want, text.String())
	}
}

func TestCountsAreWrittenAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counts.json")
	c := &Counts{Go: "go1", Executed: map[string]float64{"a": 1.6}}
	if err := c.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Go != "go1" || got.Executed["a"] != 2 {
		t.Errorf("read %+v", got)
	}
}

func TestARunIsOfOneBenchmark(t *testing.T) {
	const said = "==7== Command: x\nBenchmarkA/x \t 10\t 5 ns/op\nPASS\n==7== \n==7== Collected : 1234\n"
	if got, err := collected([]byte(said), 10); err != nil || got != 1234 {
		t.Errorf("collected %v, %v", got, err)
	}
	for what, said := range map[string]string{
		"another number of times": strings.Replace(said, " 10\t", " 11\t", 1),
		"a benchmark failed":      strings.Replace(said, "BenchmarkA", "--- FAIL", 1),
		"two benchmarks":          "BenchmarkB \t 10\t 5 ns/op\n" + said,
		"nothing counted":         strings.Replace(said, "Collected", "Aborted", 1),
	} {
		if _, err := collected([]byte(said), 10); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
