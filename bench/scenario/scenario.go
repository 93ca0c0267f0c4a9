package scenario

import (
	"context"

	"github.com/tidemark-io/tidemark/bench/result"
)

// Scenario is one thing that is measured, for one or several subjects.
type Scenario struct {
	// Name stands in the rows, and is what --only selects by; such as read/20.
	Name string
	// Run measures every subject, interleaved (see Env.Interleave), and returns a
	// row for each. A wrong answer of a subject is an error.
	Run func(ctx context.Context, env *Env) ([]result.Row, error)
	// Goals are judged once all scenarios have run, so they may name rows of
	// others.
	Goals []result.Goal
}

// Group is scenarios that share servers. They run one after the other.
type Group struct {
	Scenarios []Scenario
	// Close stops what the scenarios share, after the last of them; nil if there
	// is nothing.
	Close func() error
}
