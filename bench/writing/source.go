package writing

import (
	"time"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// Source is a load of events for scenarios of other packages.
type Source struct {
	Plan        load.Plan
	Connections int
	// Acknowledged is how many events were, so far.
	Acknowledged func() int
}

// Singles returns the load of write/64, for two windows: enough to archive.
func Singles(env *scenario.Env) (*Source, error) {
	v := newViews()
	plan := load.Plan{Script: v, Duration: 2 * env.Window()}
	return &Source{plan, crowdConnections, func() int { return v.accepted }}, nil
}

// Bulk returns the load of ingest, once through.
func Bulk(env *scenario.Env) (*Source, error) {
	t, err := readTrace(tracePath, traceEvents(env))
	if err != nil {
		return nil, err
	}
	c := newCalls(t)
	c.reset(senders)
	plan := load.Plan{Script: c, Duration: time.Hour, Limit: len(c.requests)}
	return &Source{plan, senders, func() int { return c.answered }}, nil
}
