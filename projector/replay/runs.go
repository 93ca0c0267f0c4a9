package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// RunID names a run.
type RunID string

// Kind says what a run does.
type Kind string

// The kinds that this package starts. Others may start their own (Runs.Start).
const (
	KindRebuild  Kind = "rebuild"  // fold beside the serving model, and take its place
	KindSwitch   Kind = "switch"   // let a rebuild take its place that was held back
	KindRollback Kind = "rollback" // go back to the model that served before
	KindDiscard  Kind = "discard"  // give up a rebuilt model that does not serve
	KindVerify   Kind = "verify"   // compare the serving model with a fold of the log
	KindRepair   Kind = "repair"   // and write anew what differs
)

// changes are the kinds that change which model serves or may serve, or what is in
// it. One of them runs at a time.
var changes = []Kind{KindRebuild, KindSwitch, KindRollback, KindDiscard, KindRepair}

// State is where a run is in its life.
type State string

// The states. The last three are final.
const (
	StateRunning   State = "running"
	StateDone      State = "done"      // what it found or did is its result
	StateFailed    State = "failed"    // its error says why; what it had may be gone on with
	StateCancelled State = "cancelled" // by Cancel, or because the service stops
)

// Errors of Runs.
var (
	// ErrBusy is returned for a run that may not go beside one under way.
	ErrBusy = errors.New("another run is under way: wait for its end, or cancel it")
	// ErrNoRun is returned for a run that is not known: too many have ended since.
	ErrNoRun = errors.New("no such run")
	// ErrNotRunning is returned while the owner of runs does not run.
	ErrNotRunning = errors.New("the service is starting or stopping: runs cannot be started")
	// errCancelled is the cause of a context that Cancel ended: nobody will go on.
	errCancelled = errors.New("the run was cancelled")
)

// abandoned reports whether a run ends for good: it was cancelled, and not only
// interrupted by the end of the service.
func abandoned(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errCancelled) }

// Order is who wants a run, and why: it goes into the audit.
type Order struct {
	Actor  string `json:"actor,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Once, where set, has a repeat of the request answered with its first run.
	Once *Once `json:"-"`

	// Targets are the videos, jobs or users that it is about, where there are such.
	Targets [][16]byte `json:"-"`

	asked   any   // what is asked for, as JSON in the audit
	resumes RunID // the run of an earlier process that it goes on with
}

// Run is a look at one run.
type Run struct {
	ID      RunID      `json:"run_id"`
	Kind    Kind       `json:"kind"`
	State   State      `json:"state"`
	Order   Order      `json:"order"`
	Started time.Time  `json:"started"`
	Ended   *time.Time `json:"ended,omitempty"`
	// Progress is the newest; of a run that ended, the last.
	Progress Progress `json:"progress"`
	// Result is what the run found or did: a *RebuildResult, *VerifyResult,
	// *RepairResult, or what its own kind says. It may be there beside an error.
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`

	err  error
	long bool // the result takes more than maxKeptResult
	// brief is what is kept of a long result.
	brief any
}

// Err is the error with which the run failed.
func (r *Run) Err() error { return r.err }

// keptRuns is how many runs that ended are remembered.
const keptRuns = 64

// Runs owns the runs under way and remembers the last that ended. Its methods
// may be called by many at once.
type Runs struct {
	cfg Config

	mu   sync.Mutex
	ctx  context.Context // of Run; nil while that does not run
	list []*run          // oldest first
	keys []once
	owed []RunID // runs of which the audit is to be told what came of them
	wg   sync.WaitGroup

	writing sync.Mutex // of the file of what is remembered; taken before mu

	record verifyRecord
}

// run is one run; its fields are guarded by Runs.mu, but for the progress.
type run struct {
	Run
	// final is how it ended, until that is remembered and told.
	final *Run
	// decides is what it is about to change for good; nil while it is not.
	decides  *decision
	progress *Meter
	ctx      context.Context
	room     *Room
	cancel   context.CancelCauseFunc
	by       string        // who cancelled it
	done     chan struct{} // closed when it has ended
}

// NewRuns starts nothing: see Run.
func NewRuns(cfg Config) *Runs { return &Runs{cfg: cfg.withDefaults()} }

// Run lets runs be started until the context ends, then cancels those under way
// and waits for them. A rebuild that a process before did not get to its end is
// gone on with, and the serving model is verified in the scrub's interval.
func (r *Runs) Run(ctx context.Context) error {
	r.mu.Lock()
	r.recall()
	r.ctx = ctx
	r.mu.Unlock()
	r.goOn(ctx)
	r.settleAudit(ctx)
	r.scrub(ctx)
	r.mu.Lock()
	r.ctx = nil
	r.mu.Unlock()
	r.wg.Wait()
	return nil
}

// Work is what a run does. It tells its progress to the meter and returns what
// it found, also beside an error where that is of use.
type Work func(ctx context.Context, m *Meter) (result any, err error)

// Start begins a run of a kind, of which one runs at a time, or returns the run
// that the request has begun before. It fails with ErrBusy, ErrNotRunning,
// ErrKeyReused or ErrAudit.
func (r *Runs) Start(kind Kind, order Order, work Work) (RunID, error) {
	return r.startIn(func(string) (*Room, error) { return nil, nil }, kind, order, work)
}

// startIn is Start for a run that takes memory, which is reserved once nothing else
// forbids the run, and given back when it has ended.
func (r *Runs) startIn(reserve func(who string) (*Room, error), kind Kind, order Order, work Work) (RunID, error) {
	started, id, err := r.admit(reserve, kind, order)
	if err != nil || started == nil {
		return id, err
	}
	if err := r.enter(started); err != nil {
		r.withdraw(started, err)
		return "", err
	}
	if err := r.auditBegin(started.ctx, started); err != nil {
		r.withdraw(started, err)
		if err := r.writeLedger(); err != nil {
			r.cfg.Logger.Warn("a run that was not begun is remembered", "run", string(id), "error", err)
		}
		return "", err
	}
	go func() {
		defer r.wg.Done()
		defer started.cancel(nil)
		result, err := work(started.ctx, started.progress)
		started.room.Release()
		r.ended(started, result, err)
	}()
	return id, nil
}

// admit takes a run among those under way, unless it may not be or the request has
// begun one before, whose ID it returns then. From then on Run waits for it.
func (r *Runs) admit(reserve func(who string) (*Room, error), kind Kind, order Order) (started *run, id RunID, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.acceptsLocked(); err != nil {
		return nil, "", err
	}
	if id, found, err := r.begun(order.Once); found {
		return nil, id, err
	}
	for _, other := range r.list {
		if other.State == StateRunning && excludes(kind, other.Kind) {
			return nil, "", fmt.Errorf("%w: %s %s since %s", ErrBusy, other.Kind, other.ID, other.Started.UTC().Format(time.RFC3339))
		}
	}
	id = cmp.Or(order.resumes, RunID(uuid.NewString()))
	room, err := reserve(string(kind) + " " + string(id))
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithCancelCause(r.ctx)
	started = &run{
		Run:      Run{ID: id, Kind: kind, State: StateRunning, Order: order, Started: r.cfg.Now()},
		progress: NewMeter(r.cfg.Now), ctx: ctx, room: room, cancel: cancel, done: make(chan struct{}),
	}
	started.progress.run = id
	r.remember(started)
	if o := order.Once; o != nil {
		r.keys = append(r.keys, once{o.Key[:], o.Request[:], id, started.Started})
	}
	if audited(kind, &order) && !slices.Contains(looks, kind) && !slices.Contains(r.owed, id) {
		r.owed = append(r.owed, id)
	}
	r.wg.Add(1)
	return started, id, nil
}

// withdraw takes back a run that was admitted and not begun. Where the audit may come
// to say that it was, it stays as one that failed, which the next start adds there.
func (r *Runs) withdraw(started *run, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	started.cancel(nil)
	started.room.Release()
	r.keys = slices.DeleteFunc(r.keys, func(o once) bool { return o.Run == started.ID })
	if !errors.Is(why, eventlog.ErrOutcomeUnknown) || !slices.Contains(r.owed, started.ID) {
		r.list = slices.DeleteFunc(r.list, func(one *run) bool { return one == started })
		r.owed = slices.DeleteFunc(r.owed, func(id RunID) bool { return id == started.ID })
	}
	now := r.cfg.Now()
	started.Ended, started.State = &now, StateFailed
	started.err, started.Error = why, why.Error() // also for who waits for it under its key
	close(started.done)
	r.wg.Done()
}

// accepts returns nil while runs can be started.
func (r *Runs) accepts() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.acceptsLocked()
}

func (r *Runs) acceptsLocked() error {
	if r.ctx == nil || r.ctx.Err() != nil {
		return ErrNotRunning
	}
	return nil
}

func excludes(a, b Kind) bool {
	return a == b || slices.Contains(changes, a) && slices.Contains(changes, b)
}

// remember adds a run, and forgets the oldest that ended beyond keptRuns.
func (r *Runs) remember(started *run) {
	r.list = slices.DeleteFunc(r.list, func(one *run) bool { return one.ID == started.ID }) // it goes on
	r.list = append(r.list, started)
	r.shorten()
	for i := 0; len(r.list) > keptRuns && i < len(r.list); i++ {
		if r.list[i].State != StateRunning {
			r.list = slices.Delete(r.list, i, i+1)
			i--
		}
	}
}

// ended remembers how a run ended, and then tells it.
func (r *Runs) ended(ended *run, result any, err error) {
	ctx, now := ended.ctx, r.cfg.Now()
	final := ended.Run // of which nothing changes any more
	final.Ended, final.Result, final.State = &now, result, StateDone
	switch {
	case err != nil && ctx.Err() != nil:
		if final.State = StateCancelled; !abandoned(ctx) {
			err = errInterrupted
		}
	case err != nil:
		final.State = StateFailed
		level := slog.LevelError
		if slices.Contains(looks, final.Kind) {
			level = slog.LevelInfo // mostly a question that has no answer
		}
		r.cfg.Logger.Log(ctx, level, "run failed", "kind", string(final.Kind), "run", string(final.ID), "error", err)
	}
	if err != nil {
		final.err, final.Error = err, err.Error()
	}
	if final.long = isLong(result); final.long {
		final.brief = brief(result)
	}
	if err != errInterrupted { // else the next start goes on with it, or says that it ended
		r.auditEnd(context.WithoutCancel(ctx), &final, ended.cancelledBy(r))
	}
	r.mu.Lock()
	ended.final = &final
	r.mu.Unlock()
	if final.Order.Once != nil || !slices.Contains(looks, final.Kind) {
		if err := r.writeLedger(); err != nil {
			r.cfg.Logger.Warn("the end of a run will not be remembered after a restart", "run", string(final.ID), "error", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ended.Run, ended.final, ended.decides = final, nil, nil
	close(ended.done)
}

// List returns the runs under way and the last that ended, newest first. A result that is
// long is told by Status alone; of one that names differences, the first are here too.
func (r *Runs) List() []Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Run, 0, len(r.list))
	for _, one := range slices.Backward(r.list) {
		now := one.look()
		if now.long {
			now.Result = now.brief
		}
		list = append(list, now)
	}
	return list
}

func (one *run) look() Run {
	now := one.Run
	now.Progress = one.progress.Progress()
	return now
}

// Status returns one run. It fails with ErrNoRun.
func (r *Runs) Status(id RunID) (Run, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one, err := r.find(id)
	if err != nil {
		return Run{}, err
	}
	return one.look(), nil
}

func (r *Runs) find(id RunID) (*run, error) {
	for _, one := range r.list {
		if one.ID == id {
			return one, nil
		}
	}
	return nil, fmt.Errorf("%w: %.40q", ErrNoRun, string(id))
}

// Cancel ends a run, without waiting for it. A run that has ended stays as it
// is. It fails with ErrNoRun or ErrAudit.
func (r *Runs) Cancel(ctx context.Context, id RunID, by Order) error {
	one, err := r.Status(id)
	if err != nil || one.State != StateRunning {
		return err
	}
	asked := struct {
		Kind Kind `json:"kind"`
	}{one.Kind}
	if err := r.audit(ctx, Action{Order: by.Asking(asked), Kind: KindCancel, Run: id}); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	running, err := r.find(id)
	if err != nil {
		return err
	}
	if running.by == "" {
		running.by = by.Actor
	}
	running.cancel(errCancelled)
	return nil
}

func (one *run) cancelledBy(r *Runs) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return one.by
}

// Wait returns the run once it has ended, or the context's error.
func (r *Runs) Wait(ctx context.Context, id RunID) (Run, error) {
	r.mu.Lock()
	one, err := r.find(id)
	r.mu.Unlock()
	if err != nil {
		return Run{}, err
	}
	select {
	case <-one.done:
		return r.Status(id)
	case <-ctx.Done():
		return Run{}, ctx.Err()
	}
}
