package replay_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/oracle"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// service is a log, a writer, a projector and the runs beside it.
type service struct {
	t      testing.TB
	dir    string
	log    *eventlog.Log
	writer *eventlog.Writer
	p      *projector.Projector
	runs   *replay.Runs
	// audit is what the audit was told; see heard.
	audit   []replay.Action
	auditMu sync.Mutex
	// unaudited, where set, fails entries of the audit.
	unaudited func(replay.Action) error
	free      uint64 // bytes of memory; 0 for as many as it takes
	limit     uint64 // for all folds; 0 for none
	model     uint64 // bytes that a model is taken to need; 0 for what lives on the heap
	onDisk    int    // bytes for folds on disk; 0 for the default
	source    replay.Source
	alone     replay.Source // the log without what source holds beside it
	scrub     time.Duration
	retry     time.Duration // of a rebuild that is called for; 0 for a millisecond
	// snapshots is how many are kept, of every checkpoint; 0 for none.
	snapshots int
	ends      []func() // of what runs, in the order in which it began
	next      int      // event to be said next
}

// newService opens a log for the length of the test and serves it, as change sets it up.
func newService(t testing.TB, change ...func(*service)) *service {
	s := &service{t: t, dir: t.TempDir()}
	s.log = openLog(t, filepath.Join(s.dir, "log"))
	s.source = replay.FromLog(s.log)
	t.Cleanup(func() { s.stop() })
	for _, set := range change {
		set(s)
	}
	s.start()
	return s
}

func (s *service) start() {
	s.t.Helper()
	keep := time.Duration(0)
	if s.snapshots > 0 {
		keep = time.Nanosecond
	}
	models := filepath.Join(s.dir, "models")
	p, err := projector.New(testContext(s.t), projector.Config{
		SnapshotInterval: keep, SnapshotsKept: s.snapshots,
		Log: s.log, ModelsDir: models, CheckpointInterval: time.Hour, CheckpointBytes: 1 << 30,
		DedupeHorizon: 400 * 24 * time.Hour, OutcomeHorizon: 400 * 24 * time.Hour,
		Logger: slog.New(slog.NewTextHandler(s.t.Output(), nil)), Now: time.Now, MayWrite: func() error { return nil },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.p, s.writer = p, s.log.NewWriter(eventlog.WriterConfig{})
	cfg := replay.Config{
		File: filepath.Join(s.dir, "runs.json"), Projector: p, Source: s.source, Log: s.alone, Snapshots: replay.NewSnapshots(projector.SnapshotsDir(models), nil), ScrubInterval: s.scrub, Logger: slog.New(slog.NewTextHandler(s.t.Output(), nil)),
		Audit: s.record,
	}
	cfg.Exports, cfg.RetryPause = s.exports(), cmp.Or(s.retry, time.Millisecond)
	memory := replay.MemoryConfig{Serving: p.Model, OnDisk: s.onDisk, Limit: s.limit}
	if s.model > 0 {
		memory.Serving, memory.Model = nil, s.model
	}
	if s.free > 0 {
		memory.Free = func() (uint64, string) { return s.free, "the test" }
	}
	cfg.Memory = replay.NewMemory(memory)
	s.runs = replay.NewRuns(cfg)
	for _, run := range []func(context.Context) error{p.Run, s.writer.Run, s.runs.Run} {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- run(ctx) }()
		s.ends = append(s.ends, func() {
			cancel()
			if err := <-done; err != nil {
				s.t.Error(err)
			}
		})
	}
	<-p.Live()
	s.until("runs are accepted", func() bool { return s.runs.Accepts() == nil })
}

// until waits for a condition.
func (s *service) until(what string, holds func() bool) {
	s.t.Helper()
	for wait := testContext(s.t); !holds(); time.Sleep(time.Millisecond) {
		if wait.Err() != nil {
			s.t.Fatalf("waited in vain until %s; runs: %+v", what, s.runs.List())
		}
	}
}

// exports is the directory that runs may read exports in.
func (s *service) exports() string { return filepath.Join(s.dir, "exports") }

// record writes an entry of the audit into the log, and remembers it.
func (s *service) record(ctx context.Context, a replay.Action) (at events.Position, err error) {
	if s.unaudited != nil {
		if err := s.unaudited(a); err != nil {
			return at, err
		}
	}
	kind, err := a.Command()
	if err != nil {
		return at, err
	}
	outcome, err := json.Marshal(a.Outcome())
	if err != nil {
		return at, err
	}
	c := events.Command{Kind: kind, Privileged: true, Time: events.TimeOf(time.Now()), Reason: []byte(a.Reason), Events: 1}
	frames := events.AppendEvent(events.AppendCommand(nil, c), events.Meta{Type: events.TypeOperationRecorded, Time: c.Time, Arrival: true}, events.OperationRecorded{Outcome: outcome})
	receipt, err := s.writer.Commit(ctx, events.Entry{Bytes: frames, Events: 1})
	if err == nil {
		s.auditMu.Lock()
		defer s.auditMu.Unlock()
		s.audit = append(s.audit, a)
	}
	return receipt.Position, err
}

// heard is what the audit was told, for who does not wait for the run's end.
func (s *service) heard() []replay.Action {
	s.auditMu.Lock()
	defer s.auditMu.Unlock()
	return slices.Clone(s.audit)
}

// hears waits until the audit was told so much.
func (s *service) hears(entries int) {
	s.t.Helper()
	s.until(fmt.Sprint(entries, " entries are in the audit"), func() bool { return len(s.heard()) >= entries })
}

// audited compares what the audit has of runs with the beginnings of what it should
// say, each once, and that this is also what the read model has.
func (s *service) audited(want ...string) {
	s.t.Helper()
	var got []string
	for _, a := range s.heard() {
		o := a.Outcome()
		text := o.State
		if o.Detail != "" {
			text += ": " + o.Detail
		}
		got = append(got, text)
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		s.t.Errorf("the audit says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s.end()
	err := s.p.Read(func(snapshot *readmodel.Snapshot) error {
		list, err := snapshot.AuditLog(readmodel.AuditFilter{}, events.Position{}, 1000)
		list = slices.DeleteFunc(list, func(e readmodel.AuditEntry) bool { return e.Action == events.DeleteVideos }) // administer's
		if len(list) != len(want) {
			s.t.Errorf("%d entries in the read model, want %d", len(list), len(want))
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}

// stop ends what runs, the last first.
func (s *service) stop() {
	for ; len(s.ends) > 0; s.ends = s.ends[:len(s.ends)-1] {
		s.ends[len(s.ends)-1]()
	}
	if s.p != nil {
		s.p.Close()
		s.p = nil
	}
}

// say commits so many record batches of all that makes a row or a number.
func (s *service) say(batches int) {
	s.t.Helper()
	for range batches {
		n := s.next
		s.next++
		v, u := numbered[events.VideoID]('v', n%50), numbered[events.UserID]('u', n%7)
		at := events.TimeOf(time.Now())
		bare := func(t events.Type, d events.Data) events.Entry {
			return events.Entry{Bytes: events.AppendEvent(nil, events.Meta{Type: t, Time: at, Arrival: true}, d), Events: 1}
		}
		named := events.Meta{Type: events.TypeVideoViewed, Time: at - events.Time(n%100)*1e9, Source: []byte("test"), ID: fmt.Append(nil, n%90)}
		for _, e := range []events.Entry{
			bare(events.TypeVideoViewed, events.VideoViewed{Video: v}),
			{Bytes: events.AppendEvent(nil, named, events.VideoViewed{Video: v}), Events: 1},
			bare(events.TypeVideoLiked, events.VideoLike{Video: v, User: u}),
			bare(events.TypeCommentCreated, events.VideoItem{Video: v, Item: numbered[events.ItemID]('c', n), Author: u}),
			bare(events.TypeJobCreated, events.JobCreated{Job: numbered[events.JobID]('j', n), Owner: u}),
		} {
			if _, err := s.writer.Commit(testContext(s.t), e); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// end waits until all of the log is folded and returns its last sequence.
func (s *service) end() uint64 {
	s.t.Helper()
	_, last, err := s.log.Bounds(testContext(s.t))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.p.WaitFor(testContext(s.t), events.Position{Seq: last}); err != nil {
		s.t.Fatal(err)
	}
	return last
}

// run starts a run and waits for its end.
func (s *service) run(id replay.RunID, err error) replay.Run {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	ended, err := s.runs.Wait(testContext(s.t), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return ended
}

// done is run for one that must not fail.
func (s *service) done(id replay.RunID, err error) replay.Run {
	s.t.Helper()
	ended := s.run(id, err)
	if ended.State != replay.StateDone {
		s.t.Fatalf("%s is %s: %s", ended.Kind, ended.State, ended.Error)
	}
	return ended
}

func (s *service) rebuild(o replay.RebuildOptions) *replay.RebuildResult {
	s.t.Helper()
	return s.done(s.runs.StartRebuild(testContext(s.t), o)).Result.(*replay.RebuildResult)
}

// halts has a rebuild begun whose source stands still before a message, and returns when
// it has got there. From the next start on it goes on, if it was lifted before.
func (s *service) halts(at uint64, o replay.RebuildOptions) (id replay.RunID, lift func()) {
	s.t.Helper()
	whole := s.source
	s.stop()
	s.source = halting{whole, at}
	s.start()
	id, err := s.runs.StartRebuild(testContext(s.t), o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.until("the rebuild stands still", func() bool {
		run, err := s.runs.Status(id)
		if err != nil || run.State != replay.StateRunning {
			s.t.Fatalf("%v %+v", err, run)
		}
		return run.Progress.Seq == at-1
	})
	return id, func() { s.source = whole }
}

// goesOn ends the service, starts it again, and waits until the run goes on by itself.
func (s *service) goesOn(id replay.RunID) {
	s.t.Helper()
	s.stop()
	s.start()
	s.until("the rebuild is gone on with", func() bool {
		run, err := s.runs.Status(id)
		return err == nil && run.State != replay.StateCancelled
	})
}

// snapshot has a checkpoint written, and waits until it is kept as a snapshot.
func (s *service) snapshot() projector.SnapshotInfo {
	s.t.Helper()
	if _, err := s.p.Checkpoint(testContext(s.t), s.end()); err != nil {
		s.t.Fatal(err)
	}
	var last projector.SnapshotInfo
	s.until("the checkpoint is kept as a snapshot", func() bool {
		list, err := projector.ListSnapshots(projector.SnapshotsDir(filepath.Join(s.dir, "models")))
		if err != nil {
			s.t.Fatal(err)
		}
		if len(list) > 0 {
			last = list[len(list)-1]
		}
		return last.Seq == s.end()
	})
	return last
}

// laterSnapshot says more until a snapshot is kept of that: none is of a checkpoint that
// is written while an earlier one is being copied.
func (s *service) laterSnapshot() projector.SnapshotInfo {
	s.t.Helper()
	before, wait := s.end(), testContext(s.t)
	for {
		s.say(1)
		if _, err := s.p.Checkpoint(wait, s.end()); err != nil {
			s.t.Fatal(err)
		}
		list, err := projector.ListSnapshots(projector.SnapshotsDir(filepath.Join(s.dir, "models")))
		if err != nil {
			s.t.Fatal(err)
		}
		if n := len(list); n > 0 && list[n-1].Seq > before {
			return list[n-1]
		}
	}
}

func (s *service) inspect(fn func(*readmodel.Model)) {
	s.t.Helper()
	if err := s.p.Inspect(testContext(s.t), fn); err != nil {
		s.t.Fatal(err)
	}
}

// recounted compares the counters that serve with a recount of the log.
func (s *service) recounted(what string) {
	s.t.Helper()
	want, last := oracle.New(), s.end()
	err := replay.FromLog(s.log).Read(testContext(s.t), 1, last, func(m eventlog.Message) error {
		want.Fold(oracle.Read(s.log.Incarnation(), eventlog.BatchSubject, m.Subject, m.Seq, m.Stored, m.Data))
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if len(want.Videos) == 0 {
		s.t.Fatal("the log names no videos")
	}
	s.inspect(func(m *readmodel.Model) {
		for id, video := range want.Videos {
			number, ok := m.Videos.Find(events.VideoID(id))
			var slot readmodel.Slot
			if ok {
				m.Videos.Read(number, &slot)
			}
			if counts := want.Counts(id); !ok || slot.Counts != counts || slot.Deleted() != video.Deleted {
				s.t.Errorf("%s: video %x has %v, a recount %v", what, id, slot.Counts, counts)
			}
		}
	})
}

// models lists the directories of models.
func models(t testing.TB, s *service) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, "models"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}
