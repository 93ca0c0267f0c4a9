package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

func newSession(t *testing.T) *session {
	env := &scenario.Env{Size: scenario.Smoke, Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	return &session{env: env, out: filepath.Join(t.TempDir(), "results.json"), begun: time.Now(), found: &result.Run{Parts: make([]result.Part, 1)}}
}

// finds is a scenario that measures one thing.
func finds(name string) scenario.Scenario {
	return scenario.Scenario{Name: name, Run: func(context.Context, *scenario.Env) ([]result.Row, error) {
		row := result.Row{Scenario: name, Subject: "s"}
		row.Add(result.CPU, result.Microseconds, 1)
		return []result.Row{row}, nil
	}}
}

func fails(name string, err error) scenario.Scenario {
	return scenario.Scenario{Name: name, Run: func(context.Context, *scenario.Env) ([]result.Row, error) { return nil, err }}
}

// kept returns the scenarios of the rows in the file of the results, and its
// last part.
func kept(t *testing.T, s *session) ([]string, result.Part) {
	t.Helper()
	run, err := result.Read(s.out)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range run.Rows {
		names = append(names, run.Rows[i].Scenario)
	}
	return names, run.Parts[len(run.Parts)-1]
}

func TestAFailedScenarioIsNamedAndTheRestIsMeasured(t *testing.T) {
	s := newSession(t)
	whole, err := s.measure(t.Context(), []scenario.Group{
		{Scenarios: []scenario.Scenario{finds("a"), fails("b", errors.New("a wrong answer")), finds("c")}},
		{Scenarios: []scenario.Scenario{fails("d", nil)}, Close: func() error { return errors.New("it would not end") }},
		{Scenarios: []scenario.Scenario{finds("e")}},
	})
	if err == nil || !strings.Contains(err.Error(), "b, d, d") {
		t.Errorf("the error is %v", err)
	}
	names, part := kept(t, s)
	if want := []string{"a", "c", "e"}; !slices.Equal(names, want) || !slices.Equal(part.Scenarios, want) || len(whole.Rows) != len(want) {
		t.Errorf("measured are %v, %v", names, part.Scenarios)
	}
	want := []result.Failure{{Scenario: "b", Error: "a wrong answer"}, {Scenario: "d", Error: "nothing was measured"}, {Scenario: "d", Error: "end what was measured: it would not end"}}
	if !slices.Equal(part.Failed, want) {
		t.Errorf("failed are %v", part.Failed)
	}
}

func TestWhatWasMeasuredBeforeAnInterruptionIsKept(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	s := newSession(t)
	s.earlier = &result.Run{Parts: []result.Part{{Scenarios: []string{"z"}}}, Rows: []result.Row{{Scenario: "z"}}}
	stuck := scenario.Scenario{Name: "b", Run: func(ctx context.Context, _ *scenario.Env) ([]result.Row, error) {
		if names, _ := kept(t, s); !slices.Equal(names, []string{"z", "a"}) {
			t.Errorf("kept before b has ended: %v", names)
		}
		interrupt()
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	closed := false
	_, err := s.measure(ctx, []scenario.Group{
		{Scenarios: []scenario.Scenario{finds("a"), stuck, finds("c")}, Close: func() error { closed = true; return errors.New("killed") }},
		{Scenarios: []scenario.Scenario{finds("d")}},
	})
	if err == nil || !strings.Contains(err.Error(), "1 of 4") || !closed {
		t.Errorf("the error is %v, servers are stopped: %t", err, closed)
	}
	if names, part := kept(t, s); !slices.Equal(names, []string{"z", "a"}) || len(part.Failed) > 0 {
		t.Errorf("kept are %v, failed %v", names, part.Failed)
	}
}

func TestWhatIsNotInstalledIsNoFailure(t *testing.T) {
	s := newSession(t)
	_, err := s.measure(t.Context(), []scenario.Group{{Scenarios: []scenario.Scenario{fails("a", &process.MissingError{Program: "X"}), finds("b")}}})
	if err != nil {
		t.Error(err)
	}
	if _, part := kept(t, s); len(part.Missing) != 1 || !strings.HasPrefix(part.Missing[0], "a: X is not installed") {
		t.Errorf("missing are %q", part.Missing)
	}
}

func TestEveryScenarioSaysHowLongItTakes(t *testing.T) {
	for _, s := range scenarios(groups()) {
		if s.Takes.Full <= 0 || s.Takes.Quick <= 0 {
			t.Errorf("%s does not say how long it takes", s.Name)
		}
	}
}
