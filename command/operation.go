package command

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// Operation is what an operator did to the log or to the read model.
type Operation struct {
	Kind   events.CommandKind
	Actor  events.UserID
	Reason string
	// Targets are the videos, jobs or users concerned, where there are such.
	Targets [][16]byte
	// Outcome is written as JSON: a struct or a map.
	Outcome any
}

// Recorder writes operations down in the log, where the fold makes entries of
// the audit of them.
type Recorder struct {
	Log         Log
	CommitLimit time.Duration
	Now         func() time.Time
}

// Record returns once the operation is durable in the log.
func (r *Recorder) Record(ctx context.Context, o Operation) (eventlog.Receipt, error) {
	outcome, err := json.Marshal(o.Outcome)
	if err != nil {
		return eventlog.Receipt{}, fmt.Errorf("write the outcome of %v: %w", o.Kind, err)
	}
	if len(outcome) > events.MaxOutcomeBytes {
		outcome = []byte(`{"detail":"the outcome is too long to be kept"}`)
	}
	c := events.Command{
		Kind: o.Kind, ID: randomID(), Actor: o.Actor, Privileged: true, Time: events.TimeOf(r.Now()), Reason: []byte(o.Reason), Events: 1,
	}
	d := events.OperationRecorded{Outcome: outcome}
	for _, target := range o.Targets[:min(len(o.Targets), events.MaxBatchEvents)] {
		d.Targets = append(d.Targets, target[:]...)
	}
	frames := events.AppendEvent(events.AppendCommand(nil, c), events.Meta{Type: events.TypeOperationRecorded, Time: c.Time, Arrival: true}, d)
	receipt, err := r.Log.CommitWithin(ctx, r.CommitLimit, events.Entry{Bytes: frames, Events: 1})
	if err != nil {
		return receipt, fmt.Errorf("record %v for the audit: %w", o.Kind, err)
	}
	return receipt, nil
}

// Audit records who asked for a run or an export, or what came of it.
func (r *Recorder) Audit(ctx context.Context, a replay.Action) (at events.Position, err error) {
	kind, err := a.Command()
	if err != nil {
		return at, err
	}
	o := Operation{Kind: kind, Reason: a.Reason, Targets: a.Targets, Outcome: a.Outcome()}
	_ = events.ParseUUID((*[16]byte)(&o.Actor), a.Actor) // none where the service acts by itself
	receipt, err := r.Record(ctx, o)
	return receipt.Position, err
}
