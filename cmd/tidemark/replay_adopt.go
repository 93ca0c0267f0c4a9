package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/tidemark-io/tidemark/command"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// replayLogCmd is what operators do to the log itself.
type replayLogCmd struct {
	Adopt logAdoptCmd `cmd:"" help:"After a restore or a move of the log: check it and begin a new incarnation. The service must be stopped."`
}

type logAdoptCmd struct {
	DataDir string    `default:"./tidemark-data" help:"Data directory of the service, which is stopped."`
	NATS    natsFlags `embed:"" prefix:"nats-" group:"Event log"`
	Reason  string    `help:"Why, for the audit; --dry-run needs none."`
	Actor   string    `placeholder:"UUID" default:"00000000-0000-0000-0000-000000000000" help:"The administrator whom the audit names."`
	DryRun  bool      `help:"Check and say what would be done, and change nothing."`
	JSON    bool      `name:"json" help:"Print what was found as JSON."`
}

// adoption is what was found of a log, and what becomes of it.
type adoption struct {
	First       uint64          `json:"first_sequence"`
	Last        uint64          `json:"last_sequence"`
	Before      string          `json:"incarnation_before,omitempty"`
	Incarnation string          `json:"incarnation,omitempty"`
	Writers     []writerFound   `json:"writers"`
	Outside     uint64          `json:"outside_batches"`
	NoBatches   uint64          `json:"no_batches"`
	Unreadable  []uint64        `json:"unreadable,omitempty"`
	Checkpoint  checkpointFound `json:"checkpoint"`
	Lineage     string          `json:"lineage"`
	// NextStart is "go on" or "rebuild", and Because says why.
	NextStart string `json:"next_start"`
	Because   string `json:"because"`

	lineage events.Lineage
	matches bool
}

// writerFound is an incarnation in the headers of the service's own batches.
type writerFound struct {
	Incarnation string `json:"incarnation"`
	First       uint64 `json:"first_sequence"`
	Last        uint64 `json:"last_sequence"`
	Batches     uint64 `json:"batches"`

	incarnation events.Incarnation
}

type checkpointFound struct {
	Found       bool   `json:"found"`
	Incarnation string `json:"incarnation,omitempty"`
	Sequence    uint64 `json:"sequence,omitempty"`
	Fault       string `json:"fault,omitempty"`

	read projector.Checkpointed
}

// Run checks the log, and adopts it.
func (l *logAdoptCmd) Run(ctx context.Context) error {
	lock, err := lockDataDir(l.DataDir)
	if err != nil {
		return err
	}
	defer lock.Close() // releases the lock
	a := &adoption{}
	a.readCheckpoint((&serveCmd{DataDir: l.DataDir}).modelsDir())
	if err := l.inspect(ctx, a); err != nil {
		return err
	}
	if l.DryRun {
		return l.print(a)
	}
	if err := l.record(ctx, a); err != nil {
		return err
	}
	return l.print(a)
}

func (l *logAdoptCmd) logConfig(adopting bool) eventlog.Config {
	serve := serveCmd{DataDir: l.DataDir, NATS: l.NATS, LogLevel: "error"}
	cfg := serve.logConfig(serve.logger())
	cfg.Existing, cfg.Adopting = true, adopting
	return cfg
}

func (a *adoption) readCheckpoint(models string) {
	serve := serveCmd{LogLevel: "error"}
	read, ok, err := projector.ReadCheckpoint(models, serve.logger())
	switch {
	case err != nil:
		a.Checkpoint.Fault = err.Error()
	case ok:
		a.Checkpoint = checkpointFound{Found: true, Incarnation: read.Incarnation.String(), Sequence: read.Seq(), read: read}
	}
}

// inspect reads all of the log, decides, and unless it is only a rehearsal gives
// it its new incarnation.
func (l *logAdoptCmd) inspect(ctx context.Context, a *adoption) error {
	log, err := eventlog.Open(ctx, l.logConfig(true))
	if err != nil {
		return err
	}
	defer log.Close()
	if a.First, a.Last, err = log.Bounds(ctx); err != nil {
		return err
	}
	if log.Incarnation() != (events.Incarnation{}) {
		a.Before = log.Incarnation().String()
	}
	if err := a.scan(ctx, log); err != nil {
		return err
	}
	a.lineage = a.lineageOf(log.Incarnation(), log.Lineage())
	a.Lineage = a.lineage.String()
	if err := a.decide(); err != nil {
		return err
	}
	if err := l.rebuildable(ctx, a, log); err != nil || l.DryRun {
		return err
	}
	if err := a.stillEnds(ctx, log); err != nil {
		return err
	}
	incarnation := eventlog.NewIncarnation()
	a.Incarnation = incarnation.String()
	note, err := json.Marshal(adoptionNote{Actor: l.Actor, Reason: l.Reason, Outcome: map[string]any{
		"incarnation": a.Incarnation, "before": a.Before, "last_sequence": a.Last, "next_start": a.NextStart,
	}})
	if err != nil {
		return fmt.Errorf("note the adoption: %w", err)
	}
	return log.Adopt(ctx, incarnation, a.lineage, string(note))
}

// stillEnds refuses a log that goes on beside its adoption.
func (a *adoption) stillEnds(ctx context.Context, log *eventlog.Log) error {
	_, last, err := log.Bounds(ctx)
	if err == nil && last != a.Last {
		err = fmt.Errorf("the log ends at message %d, and ended at %d when it was read: somebody writes to it. Stop that service and adopt the log again", last, a.Last)
	}
	return err
}

// scan reads every message. One that cannot be read is noted and passed over.
func (a *adoption) scan(ctx context.Context, log *eventlog.Log) error {
	meter, end := watch("adopt")
	defer end()
	meter.Pass("reading messages", a.First, a.Last)
	done := errors.New("all is read")
	for next := a.First; next <= a.Last; {
		err := log.Read(ctx, next, func(m eventlog.Message) error {
			meter.Read(m.Seq, a.note(&m))
			if next = m.Seq + 1; m.Seq >= a.Last {
				return done
			}
			return nil
		})
		if errors.Is(err, done) {
			return nil
		}
		if !errors.Is(err, eventlog.ErrMessageUnreadable) {
			return fmt.Errorf("read the log at message %d: %w", next, err)
		}
		a.Unreadable = append(a.Unreadable, next)
		next++
	}
	return nil
}

// note notes who wrote a message, and returns how many events it holds.
func (a *adoption) note(m *eventlog.Message) int {
	if a.Checkpoint.Found && a.Checkpoint.read.Matches(m) {
		a.matches = true
	}
	h, _, err := events.ReadBatchHeader(m.Data)
	switch {
	case err != nil:
		a.NoBatches++
		return 0
	case h.Incarnation == events.Incarnation{}, m.BatchID != h.ID.String():
		a.Outside++
		return h.Events
	}
	i := slices.IndexFunc(a.Writers, func(w writerFound) bool { return w.incarnation == h.Incarnation })
	if i < 0 {
		i = len(a.Writers)
		a.Writers = append(a.Writers, writerFound{Incarnation: h.Incarnation.String(), First: m.Seq, incarnation: h.Incarnation})
	}
	a.Writers[i].Last = m.Seq
	a.Writers[i].Batches++
	return h.Events
}

// lineageOf lists whom the log belonged to: by its metadata, by the headers of
// what is in it where a copy has lost that, and up to now the present one.
func (a *adoption) lineageOf(present events.Incarnation, lineage events.Lineage) events.Lineage {
	last := map[events.Incarnation]uint64{}
	for _, l := range lineage {
		last[l.Incarnation] = l.Last
	}
	for _, w := range a.Writers {
		last[w.incarnation] = max(last[w.incarnation], w.Last)
	}
	if present != (events.Incarnation{}) {
		last[present] = a.Last
	}
	var all events.Lineage
	for incarnation, end := range last {
		all = append(all, events.Ancestor{Incarnation: incarnation, Last: end})
	}
	slices.SortFunc(all, func(x, y events.Ancestor) int {
		if c := min(max(int64(x.Last)-int64(y.Last), -1), 1); c != 0 {
			return int(c)
		}
		return slices.Compare(x.Incarnation[:], y.Incarnation[:])
	})
	return all
}

// errOtherLog refuses a log that this data directory's read model was not
// folded from.
var errOtherLog = errors.New("this log was written by another service than the one whose data directory this is: put the right log back, or use another --data-dir")

// decide says what the next start will do, or why the log is not adopted.
func (a *adoption) decide() error {
	c := &a.Checkpoint
	related := slices.ContainsFunc(a.lineage, func(l events.Ancestor) bool { return l.Incarnation == c.read.Incarnation })
	switch {
	case !c.Found:
		a.NextStart, a.Because = "rebuild", "there is no checkpoint that can be read"
	case !related:
		return fmt.Errorf("%w (the checkpoint is of log %s)", errOtherLog, c.Incarnation)
	case c.Sequence > a.Last:
		a.NextStart, a.Because = "rebuild", fmt.Sprintf("the log ends at message %d, and message %d was folded: its tail is lost", a.Last, c.Sequence)
	case a.matches, c.Sequence == 0, c.Sequence == a.First-1:
		a.NextStart, a.Because = "go on", "the checkpoint fits the log"
	case c.Sequence < a.First:
		return fmt.Errorf("the log begins at message %d, and messages up to %d were folded: those between are not in this log. Restore a log that holds them, or the data directory's models folder from a later backup of the same log", a.First, c.Sequence)
	case slices.Contains(a.Unreadable, c.Sequence):
		a.NextStart, a.Because = "go on", fmt.Sprintf("message %d, the last folded, cannot be read any more, so it cannot be compared", c.Sequence)
	default:
		a.NextStart, a.Because = "rebuild", fmt.Sprintf("message %d is not the one that was folded: sequence numbers were used again", c.Sequence)
	}
	return nil
}

// rebuildable refuses a log that does not begin at its beginning where the next start must
// rebuild the read model, unless a snapshot holds what was before, as for any start.
func (l *logAdoptCmd) rebuildable(ctx context.Context, a *adoption, log *eventlog.Log) error {
	if a.NextStart != "rebuild" || a.First <= 1 {
		return nil
	}
	serve := serveCmd{DataDir: l.DataDir, LogLevel: "error"}
	snapshots := replay.NewSnapshots(projector.SnapshotsDir(serve.modelsDir()), serve.logger())
	found, err := snapshots.VerifiedFor(ctx, log, events.Incarnation{}, a.lineage, a.First)
	if err != nil {
		return fmt.Errorf("look for a snapshot to rebuild the read model from: %w", err)
	}
	if found.Seq > 0 {
		a.Because = fmt.Sprintf("%s; the log begins at message %d, and the snapshot of message %d holds what was before", a.Because, a.First, found.Seq)
		return nil
	}
	why := "there is no snapshot that holds what was before"
	for _, err := range found.PassedOver {
		why += "; " + err.Error()
	}
	return fmt.Errorf("%s, and the log begins at message %d: the read model could not be rebuilt (%s). Restore the data directory's models folder from a backup of the same log first", a.Because, a.First, why)
}

// record writes the adoption down in the log, under its new incarnation. Whoever
// wrote to it meanwhile cannot any more.
func (l *logAdoptCmd) record(ctx context.Context, a *adoption) error {
	log, err := eventlog.Open(ctx, l.logConfig(false))
	if err != nil {
		return err
	}
	defer log.Close()
	if err := a.stillEnds(ctx, log); err != nil {
		return err
	}
	writer := log.NewWriter(eventlog.WriterConfig{})
	work, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- writer.Run(work) }()
	record := adoptionRecord{log: log, recorder: &command.Recorder{Log: writer, CommitLimit: 10 * time.Second, Now: time.Now}}
	err = record.write(ctx)
	stop()
	return errors.Join(err, <-done)
}

// Validate refuses an adoption without a reason, and an actor that is no UUID.
func (l *logAdoptCmd) Validate() error {
	if l.Reason == "" && !l.DryRun {
		return errors.New("--reason is missing: the audit keeps why a log was adopted")
	}
	if n := utf8.RuneCountInString(l.Reason); n > events.MaxReasonChars {
		return fmt.Errorf("--reason has %d characters: give at most %d", n, events.MaxReasonChars)
	}
	var actor events.UserID
	if !events.ParseUUID((*[16]byte)(&actor), l.Actor) {
		return fmt.Errorf("--actor %w", events.ErrBadID)
	}
	return nil
}

func (l *logAdoptCmd) print(a *adoption) error {
	printer := adminFlags{JSON: l.JSON}
	return printer.printed(a, a.write)
}

func (a *adoption) write(w io.Writer) {
	rows(w, "log", fmt.Sprintf("messages %d to %d; %d from outside producers, %d that are no record batches, %d that cannot be read",
		a.First, a.Last, a.Outside, a.NoBatches, len(a.Unreadable)))
	for _, found := range a.Writers {
		rows(w, "written by", fmt.Sprintf("%s, messages %d to %d, %d batches", found.Incarnation, found.First, found.Last, found.Batches))
	}
	switch c := &a.Checkpoint; {
	case c.Found:
		rows(w, "checkpoint", fmt.Sprintf("of log %s, up to message %d", c.Incarnation, c.Sequence))
	case c.Fault != "":
		rows(w, "checkpoint", "cannot be read: "+c.Fault)
	default:
		rows(w, "checkpoint", "none yet")
	}
	if a.Incarnation == "" {
		rows(w, "adopted", "no: this was a rehearsal")
	} else {
		rows(w, "adopted", "the log is "+a.Incarnation+" from now on")
	}
	rows(w, "next start", fmt.Sprintf("will %s: %s", a.NextStart, a.Because))
	rows(w, "clients", "positions of before are of another log: Tidemark-After gets 412, since is answered in full with reset, ETags and cursors begin anew")
}
