package projector

import (
	"context"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

const (
	// deadLetterPoll is how often the state is looked at for new dead letters.
	deadLetterPoll = time.Second
	deadLetterPage = 100
)

// publishDeadLetters copies the dead letters of the state to the dead-letter
// stream, in order. The stream knows what it has, so a restart repeats none.
func (p *Projector) publishDeadLetters(ctx context.Context) {
	ticker := time.NewTicker(deadLetterPoll)
	defer ticker.Stop()
	var done events.Position
	for {
		if err := p.publishDeadLettersOnce(ctx, &done); err != nil && ctx.Err() == nil {
			p.cfg.Logger.Error("dead letters could not be published, they will be tried again", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *Projector) publishDeadLettersOnce(ctx context.Context, done *events.Position) error {
	for {
		var letters []readmodel.DeadLetter
		err := p.Read(func(s *readmodel.Snapshot) (err error) {
			letters, err = s.DeadLetters(*done, deadLetterPage)
			return err
		})
		if err != nil {
			return err
		}
		for _, d := range letters {
			err := p.cfg.Log.DeadLetter(ctx, eventlog.DeadLetter{
				Position: d.Position, Reason: d.Reason, Subject: d.Subject, Data: p.Original(ctx, &d),
			})
			if err != nil {
				return err
			}
			*done = d.Position
		}
		if len(letters) < deadLetterPage {
			return nil
		}
	}
}

// Original returns all of a dead letter's bytes: from the log where the state
// holds the beginning only.
func (p *Projector) Original(ctx context.Context, d *readmodel.DeadLetter) []byte {
	if len(d.Raw) == d.Size {
		return d.Raw
	}
	msg, err := p.cfg.Log.Message(ctx, d.Position.Seq)
	if err != nil {
		return d.Raw // trimmed or out of reach: the beginning is what is left
	}
	if len(msg.Data) == d.Size {
		return msg.Data
	}
	batch, err := events.ReadBatch(msg.Data)
	if err != nil {
		return d.Raw
	}
	cursor := batch.Cursor()
	var e events.Event
	for {
		step, _ := cursor.Next(&e) // what is wrong with it is known
		switch {
		case step == events.StepEnd:
			return d.Raw
		case step == events.StepEvent && e.Index == d.Position.Index:
			return e.Raw
		}
	}
}
