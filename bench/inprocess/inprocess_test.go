package inprocess

import (
	"log/slog"
	"testing"

	"github.com/tidemark-io/tidemark/bench/scenario"
)

func TestEverythingIsMeasured(t *testing.T) {
	env := &scenario.Env{Size: scenario.Smoke, Rounds: 2, GOGC: "100", Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	for _, group := range Groups() {
		for _, s := range group.Scenarios {
			rows, err := s.Run(t.Context(), env)
			if err != nil {
				t.Fatalf("%s: %v", s.Name, err)
			}
			if len(rows) == 0 {
				t.Errorf("%s has no rows", s.Name)
			}
			for _, r := range rows {
				if len(r.Figures) == 0 {
					t.Errorf("%s %s has no figures", s.Name, r.Subject)
				}
				t.Log(r.Subject, r.ParameterText(), r.Figures)
			}
		}
		if group.Close != nil {
			if err := group.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
