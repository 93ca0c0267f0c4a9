package scenario

import (
	"context"
	"time"

	"github.com/tidemark-io/tidemark/bench/result"
)

// Scenario is one thing that is measured, for one or several subjects.
type Scenario struct {
	// Name stands in the rows, and is what --only selects by; such as read/20.
	Name string
	// Run measures every subject, interleaved (see Env.Interleave), and returns a
	// row for each. A wrong answer of a subject is an error; so is, as a
	// *process.MissingError, that what the scenario is about is not installed.
	Run func(ctx context.Context, env *Env) ([]result.Row, error)
	// Goals are judged once all scenarios have run, so they may name rows of
	// others.
	Goals []result.Goal
	Takes Takes
	// Rounds of a full run, where they take minutes and differ little; 0 for as
	// many as any other has.
	Rounds int
}

// Takes is about how long a scenario takes with as many rounds as it has unless
// told otherwise, on the machine of docs/benchmarks.md. A smoke takes seconds.
type Takes struct{ Full, Quick time.Duration }

// Group is scenarios that share servers. They run one after the other.
type Group struct {
	Scenarios []Scenario
	// Close stops what the scenarios share, after the last of them; nil if there
	// is nothing.
	Close func() error
}
