package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/command"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/internal/sleep"
)

// adoptionNote is what the audit is to have of an adoption. It lies in the log's
// metadata until it does: the process that adopted the log may have ended before.
type adoptionNote struct {
	Actor   string         `json:"actor"`
	Reason  string         `json:"reason"`
	Outcome map[string]any `json:"outcome"`
}

// adoptionRecord writes an adoption into the audit that is not in it yet. One that
// ends between its two steps is in it twice, with one incarnation.
type adoptionRecord struct {
	log      *eventlog.Log
	recorder *command.Recorder
	recorded bool // in the audit; the log's metadata may not say so yet
}

// write may be called again after it failed.
func (r *adoptionRecord) write(ctx context.Context) error {
	if r.log.Adoption() == "" {
		return nil
	}
	if !r.recorded {
		o, err := r.operation()
		if err != nil {
			return err
		}
		if _, err := r.recorder.Record(ctx, o); err != nil {
			return err
		}
		r.recorded = true
	}
	return r.log.AdoptionRecorded(context.WithoutCancel(ctx)) // a stop in between would have it recorded twice
}

func (r *adoptionRecord) operation() (o command.Operation, err error) {
	var note adoptionNote
	if err = json.Unmarshal([]byte(r.log.Adoption()), &note); err == nil && !events.ParseUUID((*[16]byte)(&o.Actor), note.Actor) {
		err = events.ErrBadID
	}
	if err != nil {
		return o, fmt.Errorf("read %s in the log's metadata: %w", eventlog.AdoptionKey, err)
	}
	o.Kind, o.Reason, o.Outcome = events.AdoptLog, note.Reason, note.Outcome
	return o, nil
}

// adoptionPause lies between two attempts to record an adoption.
const adoptionPause = 5 * time.Second

// recordAdoption records an adoption that was ended half way, once the service is
// ready, and again until it succeeds.
func (a *app) recordAdoption(ctx context.Context) error {
	select {
	case <-a.projector.Live():
	case <-ctx.Done():
		return nil
	}
	record := adoptionRecord{log: a.log, recorder: a.recorder}
	for err := record.write(ctx); err != nil && ctx.Err() == nil; err = record.write(ctx) {
		a.logger.Error("the audit does not have the log's adoption yet, or the log's metadata does not say that it has", "error", err)
		sleep.For(ctx, adoptionPause)
	}
	<-ctx.Done()
	return nil
}
