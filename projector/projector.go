package projector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/mapped"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Config is what a projector needs.
type Config struct {
	Log *eventlog.Log
	// Loading is what Preload returned for this configuration; nil if it was not
	// called.
	Loading *Loading
	// ModelsDir holds the read models' checkpoints, one directory each.
	ModelsDir string
	// CheckpointInterval is how often a checkpoint is written when something
	// changed. Replaying what lies behind it costs less than a second per
	// million events, so tens of seconds are fine.
	CheckpointInterval time.Duration
	// CheckpointBytes bounds the changes kept for the next checkpoint: past it
	// one is written ahead of time.
	CheckpointBytes int
	// SnapshotInterval is how often a checkpoint is kept as a snapshot; 0 keeps
	// none. SnapshotsKept is how many are kept, at least one.
	SnapshotInterval time.Duration
	SnapshotsKept    int
	// DedupeHorizon and OutcomeHorizon: see readmodel.Config.
	DedupeHorizon, OutcomeHorizon time.Duration
	// IdentityBytes: see readmodel.Config.
	IdentityBytes int
	// MayWrite is asked before each checkpoint: an error (a full disk) puts it off.
	MayWrite func() error
	// Earlier reads what the log has forgotten, such as an archive; nil where there
	// is none. Then a model can be begun anew although the log begins later.
	Earlier ReadFunc
	// Judge is told what each message did; see FoldOptions. It runs in the fold,
	// which waits for it. nil for nobody.
	Judge  func(*Judgement)
	Logger *slog.Logger
	Now    func() time.Time

	// space is where the flat tables of a model lie that is not to lie in memory, and
	// memory what it may take; nil and 0 for one in memory.
	space  *mapped.Space
	memory int
}

const (
	// readAheadMessages bounds what is read and checked before it is folded.
	readAheadMessages = 64
	// silenceLimit is how long the log may say nothing before it counts as out
	// of reach; it is asked once a second.
	silenceLimit = 5 * time.Second
	// dirtyLimit is how many times CheckpointBytes of changes may wait for a
	// checkpoint before somebody should look.
	dirtyLimit = 8
)

// Projector owns the fold and the read model. New restores; Run folds.
type Projector struct {
	cfg    Config
	models checkpoint.Models
	// live is the edition that is folded into and serves; the fold's alone.
	live *edition
	// serving is its model, for everybody.
	serving atomic.Pointer[readmodel.Model]
	rebuilt string // why the model was rebuilt at this start; empty if it was not
	// replaces: the rebuilt model has yet to take the current one's place, which
	// is in the directory retired, if that is still there.
	replaces bool
	retired  string

	// judges names the fold of the serving model.
	judges atomic.Pointer[FoldID]

	recent   recent    // the fold's alone
	aheads   sync.Pool // of *readmodel.Ahead
	retiring sync.WaitGroup
	running  context.Context // of Run

	waiters *waiters
	letters *letterbox
	asks    chan foldAsk  // of everybody but the saver
	stopped chan struct{} // closed when the fold has ended
	// target is the log's last sequence at the start: behind it lies what came since.
	target uint64

	started    time.Time
	caughtUp   atomic.Bool
	isLive     chan struct{} // closed when caughtUp begins to hold
	fault      atomic.Pointer[error]
	stats      stats
	asOf       asOf
	standstill standstill
	wg         sync.WaitGroup
	naming     sync.Mutex // held while the files that name the models change, once it runs
	// nextForgotten is called once no start is to take the model that NEXT names; naming
	// guards it. It may be nil.
	nextForgotten func()

	snapshots snapshotter
}

// Snapshot returns the read model as of the newest position folded.
func (p *Projector) Snapshot() *readmodel.Snapshot { return p.Model().Snapshot() }

// Read calls fn with the newest snapshot and keeps its rows readable meanwhile.
func (p *Projector) Read(fn func(*readmodel.Snapshot) error) error {
	s := p.Hold()
	defer s.Release()
	return fn(s)
}

// Hold returns the newest snapshot and keeps its rows readable until Release.
func (p *Projector) Hold() *readmodel.Snapshot {
	for {
		if s := p.Snapshot(); s.Hold() {
			return s
		}
		runtime.Gosched() // the fold is about to publish the next
	}
}

// Model returns the read model that serves, for its tables that any reader may
// read. Who reads several things that belong together asks for it once: another
// may take its place.
func (p *Projector) Model() *readmodel.Model { return p.serving.Load() }

// ErrStopped is returned to who asks something of a fold that has stopped.
var ErrStopped = errors.New("the fold has stopped")

// Inspect runs fn in the fold, between two record batches, so that it sees all
// tables at one position. fn must be quick and must not keep the model.
func (p *Projector) Inspect(ctx context.Context, fn func(*readmodel.Model)) error {
	return p.between(ctx, func() { fn(p.live.model) })
}

// between runs fn in the fold, between two record batches.
func (p *Projector) between(ctx context.Context, fn func()) error {
	a := foldAsk{fn: fn, done: make(chan struct{})}
	select {
	case p.asks <- a:
		// fn runs, and may write to what the caller shares with it.
		<-a.done
		return nil
	case <-p.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Fault returns why the fold has stopped, nil as long as it goes on. Reads are
// still answered, ever older; a restart begins with what the fault says.
func (p *Projector) Fault() error {
	if err := p.fault.Load(); err != nil {
		return *err
	}
	return nil
}

// Ready returns nil once the read model has caught up with where the log stood
// at the start, and as long as the log answers and the fold goes on.
func (p *Projector) Ready() error {
	if err := p.Fault(); err != nil {
		return fmt.Errorf("the fold has stopped: %w", err)
	}
	if !p.caughtUp.Load() {
		return fmt.Errorf("catching up: folded %d of %d messages%s", p.Snapshot().At.Seq, p.target, p.rebuildNote())
	}
	if dirty := p.Snapshot().Sizes.DirtyBytes; dirty > dirtyLimit*p.cfg.CheckpointBytes {
		return fmt.Errorf("no checkpoint has been written for long: %d bytes of changes wait for one", dirty)
	}
	now := p.cfg.Now()
	if at, _ := p.cfg.Log.Contact(); now.Sub(at) > silenceLimit {
		return fmt.Errorf("the event log has not answered since %s", at.UTC().Format(time.RFC3339))
	}
	return p.standstill.check(now, unreadyStall)
}

// Stalled reports whether the fold has stood still for long although there is more to fold.
func (p *Projector) Stalled() bool { return p.standstill.check(p.cfg.Now(), stallLimit) != nil }

// Live returns a channel that is closed when CaughtUp begins to hold.
func (p *Projector) Live() <-chan struct{} { return p.isLive }

// CaughtUp reports whether the model has reached where the log stood at the
// start. From then on its answers may be shown.
func (p *Projector) CaughtUp() bool { return p.caughtUp.Load() }

// FoldChanged reports whether the serving model was made by the fold of another
// binary, and that one's version. It is gone on with by this binary's fold: what
// was folded before is as the other made it, until a rebuild takes its place.
func (p *Projector) FoldChanged() (from int, changed bool) {
	from = p.Judges().Version
	return from, from != foldVersion
}

// Judges names the fold of the serving model, which judges what comes next.
func (p *Projector) Judges() FoldID { return *p.judges.Load() }

// judgesAs notes what the serving fold is called.
func (p *Projector) judgesAs(id FoldID) { p.judges.Store(&id) }

func (p *Projector) rebuildNote() string {
	if p.rebuilt == "" {
		return ""
	}
	return ", rebuilding from the log because " + p.rebuilt
}

// Run folds until the context ends, then writes a last checkpoint. It returns
// an error if that fails. A fault of the log or of the checkpoint's rows stops
// the fold and not Run: reads go on from what is there (see Fault). Only a disk
// on which checkpoints cannot be synced ends Run, since nothing bounds what they
// would hold then.
func (p *Projector) Run(ctx context.Context) error {
	p.running, p.snapshots.ctx = ctx, ctx
	messages := make(chan *decodedMessage, readAheadMessages)
	readErr := make(chan error, 1)
	readCtx, stopReading := context.WithCancel(ctx)
	p.wg.Go(func() { readErr <- p.readAhead(readCtx, p.live.model.At().Seq+1, messages) })
	p.wg.Go(func() { p.publishDeadLetters(readCtx) })
	p.wg.Go(func() { p.watchContact(readCtx) })
	err := p.loop(ctx, messages, readErr)
	stopped := err != nil && ctx.Err() == nil
	if stopped {
		p.fault.Store(&err)
	}
	close(p.stopped)
	stopReading()
	if stopped && errors.Is(err, checkpoint.ErrBroken) {
		p.wg.Wait()
		p.snapshots.wg.Wait()
		return err
	}
	if stopped {
		p.cfg.Logger.Error("the fold has stopped; reads go on from what was folded", "position", p.Snapshot().At.String(), "error", err)
		<-ctx.Done()
	}
	p.wg.Wait()
	p.snapshots.wg.Wait()
	return p.drain(err)
}

func (p *Projector) loop(ctx context.Context, messages <-chan *decodedMessage, readErr <-chan error) (err error) {
	p.live.saver = p.saverOf(p.live)
	defer func() { p.live.saver.wait(err != nil) }()
	p.noteCaughtUp()
	for {
		saver := p.live.saver
		select {
		case msg := <-messages:
			if err := p.foldMessage(msg); err != nil {
				return err
			}
		case a := <-p.asks:
			a.run()
		case a := <-saver.asks:
			a.run()
		case <-saver.tick():
			saver.begin()
		case result := <-saver.done:
			if err := saver.finish(result); err != nil {
				return err
			}
		case err := <-readErr:
			// What was read before the fault is good, and acknowledged.
			if err := p.foldRest(messages); err != nil {
				return err
			}
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *Projector) foldMessage(msg *decodedMessage) error {
	poisoned := p.live.fold.poisoned
	if err := p.live.foldMessage(msg); err != nil {
		return err
	}
	if p.live.fold.poisoned > poisoned {
		p.letters.knock()
	}
	p.recent.note(msg)
	p.asOf.folded(p.live.model.LogTime())
	p.waiters.wake(p.live.model.At(), p.live.fold.decided)
	p.noteCaughtUp()
	return nil
}

// foldRest folds what the reader has left when it ended.
func (p *Projector) foldRest(messages <-chan *decodedMessage) error {
	for {
		select {
		case msg := <-messages:
			if err := p.foldMessage(msg); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (p *Projector) noteCaughtUp() {
	if m := p.live.model; !p.caughtUp.Load() && m.At().Seq >= p.target {
		p.caughtUp.Store(true)
		close(p.isLive)
		p.cfg.Logger.Info("the read model has caught up", "position", m.At().String(),
			"took", p.cfg.Now().Sub(p.started).Round(time.Millisecond).String(), "digest", m.Digest().String())
	}
}

// Close lets go of the checkpoint. Call it when Run has returned, or was never
// called.
func (p *Projector) Close() {
	if err := p.live.store.Close(); err != nil {
		p.cfg.Logger.Error("the checkpoint could not be closed cleanly", "error", err)
	}
}
