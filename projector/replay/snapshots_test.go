package replay_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// counting counts the messages that are read of a source.
type counting struct {
	replay.Source
	messages int
}

func (c *counting) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	return c.Source.Read(ctx, from, to, func(m eventlog.Message) error { c.messages++; return fn(m) })
}

func TestCountsFromTheNearestSnapshot(t *testing.T) {
	l := openLog(t, "")
	models := filepath.Join(t.TempDir(), "models")
	cfg := projector.Config{
		Log: l, ModelsDir: models, CheckpointInterval: time.Hour, CheckpointBytes: 1 << 30, SnapshotInterval: time.Nanosecond, SnapshotsKept: 1,
		DedupeHorizon: 8 * 24 * time.Hour, OutcomeHorizon: 24 * time.Hour, MayWrite: func() error { return nil },
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: time.Now,
	}
	p, err := projector.New(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for n := range 40 {
		publish(t, l, view(n%3))
		if n == 24 {
			if err := p.WaitFor(testContext(t), events.Position{Seq: 25}); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Checkpoint(testContext(t), 25); err != nil {
				t.Fatal(err)
			}
		}
	}
	snapshots := replay.NewSnapshots(projector.SnapshotsDir(models), cfg.Logger)
	wait := testContext(t)
	for list := []projector.SnapshotInfo(nil); len(list) == 0 && wait.Err() == nil; time.Sleep(time.Millisecond) {
		if list, err = snapshots.List(); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	p.Close()
	list, err := snapshots.List()
	if err != nil || len(list) != 1 || list[0].Seq != 25 {
		t.Fatalf("snapshots %+v, %v", list, err)
	}
	options := replay.Options{Model: readmodel.Config{Incarnation: l.Incarnation(), DedupeHorizon: cfg.DedupeHorizon, OutcomeHorizon: cfg.OutcomeHorizon}}
	ids := []events.VideoID{numbered[events.VideoID]('v', 0), numbered[events.VideoID]('v', 1), numbered[events.VideoID]('v', 9)}
	for _, seq := range []uint64{24, 25, 26, 40} {
		source := &counting{Source: replay.FromLog(l)}
		options.Snapshots = nil
		want, err := replay.At(testContext(t), source, replay.Point{Seq: seq}, ids, options)
		if err != nil {
			t.Fatal(err)
		}
		source.messages, options.Snapshots = 0, snapshots
		got, err := replay.At(testContext(t), source, replay.Point{Seq: seq}, ids, options)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Videos, got.Videos); diff != "" {
			t.Errorf("at %d: %s", seq, diff)
		}
		behind := int(seq) - 25 + 1 // and the message that is compared
		if seq < 25 {
			behind = int(seq)
		}
		if source.messages != behind || seq >= 25 != (got.Span.Snapshot == 25) {
			t.Errorf("at %d: %d messages were read from snapshot %d on", seq, source.messages, got.Span.Snapshot)
		}
	}
}
