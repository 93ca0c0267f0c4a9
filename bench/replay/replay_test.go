package replay

import (
	"log/slog"
	"testing"

	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

func TestReplaysFoldEveryEvent(t *testing.T) {
	env := &scenario.Env{Size: scenario.Smoke, Rounds: 2, GOGC: "100", Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	for _, s := range Groups()[0].Scenarios {
		rows, err := s.Run(t.Context(), env)
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		for _, r := range rows {
			if f := r.Figures[result.Events]; len(f.Values) != env.Rounds || f.Min <= 0 {
				t.Errorf("%s %s: %+v", s.Name, r.Subject, f)
			}
			t.Log(r.Subject, r.Figures)
		}
		for _, ratio := range result.Judge(s.Goals, rows) {
			// What is asked of 10 million events is not judged by fewer.
			if atFull := ratio.Of.Parameters["events"] != ""; (ratio.Missing != "") != atFull {
				t.Errorf("%s: missing %q", ratio.What, ratio.Missing)
			}
		}
	}
}
