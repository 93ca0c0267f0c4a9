package scenario

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// The sizes of a run.
const (
	Full  Size = iota // what docs/benchmarks.md quotes
	Quick             // a few minutes: fewer rounds, the same tables
	Smoke             // seconds: small tables, one round; shows that all of it works
)

// Size is how much a run does.
type Size int

// Env is what scenarios run in.
type Env struct {
	Size Size
	// Asked is how many rounds were asked for; 0 leaves it to each scenario.
	Asked int
	// Rounds is how many the present scenario has.
	Rounds int
	// Tidemark and Peers are the binaries, built from the working copy.
	Tidemark string
	Peers    string
	// Also are other builds of the product to be measured beside it, by name.
	Also map[string]string
	// GOGC is the collector setting of every server in Go.
	GOGC string
	// Dir is for data; it is removed after the run.
	Dir    string
	Logger *slog.Logger

	missing []string
}

// Pick returns the value for the size of this run.
func Pick[T any](e *Env, full, quick, smoke T) T {
	return [...]T{Full: full, Quick: quick, Smoke: smoke}[e.Size]
}

// DefaultRounds returns how many rounds a run of this size has unless told
// otherwise.
func (e *Env) DefaultRounds() int { return Pick(e, 5, 3, 1) }

// RoundsOf returns how many rounds a scenario has in this run.
func (e *Env) RoundsOf(s Scenario) int {
	switch {
	case e.Asked > 0:
		return e.Asked
	case e.Size == Full && s.Rounds > 0:
		return s.Rounds
	}
	return e.DefaultRounds()
}

// About returns about how long a scenario takes in this run.
func (e *Env) About(s Scenario) time.Duration {
	whole := Pick(e, s.Takes.Full, s.Takes.Quick, 3*time.Second)
	usual := *e
	usual.Asked = 0
	return (whole * time.Duration(e.RoundsOf(s)) / time.Duration(usual.RoundsOf(s))).Round(time.Second)
}

// Window returns how long one subject is measured in one round.
func (e *Env) Window() time.Duration {
	return Pick(e, 4*time.Second, 2*time.Second, 200*time.Millisecond)
}

// Quiet returns how long a server must have had nothing to do before it is
// measured.
func (e *Env) Quiet() time.Duration {
	return Pick(e, time.Second, time.Second, 50*time.Millisecond)
}

// Checkpoints returns the flags of a tidemark that is measured once its
// checkpoint holds all: a smoke does not wait for the default's interval.
func (e *Env) Checkpoints() []string {
	return Pick(e, nil, nil, []string{"--checkpoint-interval=100ms"})
}

// TempDir makes a directory of its own for one server.
func (e *Env) TempDir(name string) (string, error) {
	dir, err := os.MkdirTemp(e.Dir, name+"-")
	if err != nil {
		return "", fmt.Errorf("make a directory for %s: %w", name, err)
	}
	return filepath.Abs(dir)
}

// Miss notes what cannot be measured here and what to do about it. It stands
// in the results; the same said twice stands once.
func (e *Env) Miss(what string) {
	for _, said := range e.missing {
		if said == what {
			return
		}
	}
	e.missing = append(e.missing, what)
	e.Logger.Warn("not measured", "what", what)
}

// Missing returns what was noted with Miss.
func (e *Env) Missing() []string { return e.missing }

// Interleave calls measure for each of the n subjects, e.Rounds times over, so
// that drift of the machine hits all subjects alike. Every other round goes
// through them in the opposite order, so that none always follows the same.
func (e *Env) Interleave(ctx context.Context, n int, measure func(ctx context.Context, round, subject int) error) error {
	for round := range e.Rounds {
		for i := range n {
			subject := i
			if round%2 == 1 {
				subject = n - 1 - i
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := measure(ctx, round, subject); err != nil {
				return err
			}
		}
	}
	return nil
}
