package folding

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/process"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Checkpoints says how often the fold writes one.
type Checkpoints struct {
	Interval time.Duration
	Bytes    int
}

// Default are the service's defaults, Rare write none while a log is read.
var (
	Default = Checkpoints{10 * time.Second, 64 << 20}
	Rare    = Checkpoints{time.Hour, 1 << 40}
)

// Fold is a projector that has caught up with its log.
type Fold struct {
	*projector.Projector
	// Took is the time from the creation of the projector to its digest at the
	// end of the log, CPU the processor time of this process meanwhile.
	Took, CPU time.Duration
	// Digest sums up the whole state: equal logs give equal digests.
	Digest readmodel.Digest
	// Dead counts dead letters: none should be in a log that is measured.
	Dead int64

	log  *eventlog.Log
	stop context.CancelFunc
	done chan error
}

// Run folds what the data directory's log holds and goes on until Close.
func Run(ctx context.Context, dataDir string, every Checkpoints) (*Fold, error) {
	quiet := slog.New(slog.DiscardHandler)
	log, err := eventlog.Open(ctx, eventlog.Config{Dir: history.LogDir(dataDir), Logger: quiet})
	if err != nil {
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	cpu, start := process.OwnCPU(), time.Now()
	p, err := projector.New(ctx, projector.Config{
		Log: log, ModelsDir: history.ModelsDir(dataDir),
		CheckpointInterval: every.Interval, CheckpointBytes: every.Bytes,
		DedupeHorizon: 7 * 24 * time.Hour, OutcomeHorizon: 25 * time.Hour,
		MayWrite: func() error { return nil }, Logger: quiet, Now: time.Now,
	})
	if err != nil {
		log.Close()
		return nil, fmt.Errorf("restore the read model: %w", err)
	}
	f := &Fold{Projector: p, log: log, done: make(chan error, 1)}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	f.stop = stop
	go func() { f.done <- p.Run(running) }()
	if err := f.catchUp(ctx, cpu, start); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Fold) catchUp(ctx context.Context, cpu time.Duration, start time.Time) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for live := f.Live(); ; {
		select {
		case <-live:
			err := f.Inspect(ctx, func(m *readmodel.Model) { f.Digest = m.Digest() })
			f.Took, f.CPU = time.Since(start), process.OwnCPU()-cpu
			f.Dead = f.Stats().DeadLetters
			return err
		case <-tick.C:
			if err := f.Fault(); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Check fails unless that many events were folded, none of them as a dead letter.
func (f *Fold) Check(events int) error {
	if f.Digest.Folded != uint64(events) || f.Dead != 0 {
		return fmt.Errorf("%d events were folded and %d are dead letters, the log holds %d", f.Digest.Folded, f.Dead, events)
	}
	return nil
}

// Close ends the fold with a last checkpoint and closes all of it. The read model
// stays readable, as far as it is in memory.
func (f *Fold) Close() error {
	f.stop()
	err := <-f.done
	f.Projector.Close()
	f.log.Close()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
