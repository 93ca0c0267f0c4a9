package projector

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// ErrForeignLog is returned at the start when the log is not the one that the
// data directory's read model was folded from. Folding it would turn every
// count into another log's.
var ErrForeignLog = errors.New("the event log is not the one that this data directory belongs to")

// ErrLogIncomplete is returned at the start when the read model would have to
// be rebuilt and the log no longer holds its beginning.
var ErrLogIncomplete = errors.New("the read model must be rebuilt, and the event log does not begin at its beginning")

// errDoubt is why a checkpoint is not continued but rebuilt from the log.
type errDoubt struct{ cause error }

func (e errDoubt) Error() string { return e.cause.Error() }
func (e errDoubt) Unwrap() error { return e.cause }

// Begun reports whether a read model was folded in that directory before: then
// there is a log that it belongs to.
func Begun(modelsDir string) bool {
	name, _, err := checkpoint.Models{Dir: modelsDir}.Current()
	return name != "" || err != nil
}

// New restores the read model from its last checkpoint and checks that it fits
// the log. On doubt it begins a rebuild beside it. ErrForeignLog and
// ErrLogIncomplete say that neither is right; their text says what to do.
func New(ctx context.Context, cfg Config) (*Projector, error) {
	p := &Projector{
		cfg: cfg, models: checkpoint.Models{Dir: cfg.ModelsDir},
		waiters: newWaiters(), letters: newLetterbox(), isLive: make(chan struct{}), asks: make(chan foldAsk), stopped: make(chan struct{}), started: cfg.Now(),
	}
	p.live = p.edition()
	p.snapshots = snapshotter{cfg: &p.cfg, dir: SnapshotsDir(cfg.ModelsDir)}
	p.asOf.raise(time.Time{})
	if p.cfg.Loading == nil {
		p.cfg.Loading = Preload(cfg)
	}
	first, last, err := cfg.Log.Bounds(ctx)
	if err != nil {
		p.cfg.Loading.Close()
		return nil, fmt.Errorf("ask the event log where it stands: %w", err)
	}
	p.target = last
	if err := p.restore(ctx, first, last); err != nil {
		if p.live.store != nil {
			_ = p.live.store.Close() // what went wrong says more
		}
		return nil, err
	}
	p.keepUnknown()
	p.serving.Store(p.live.model)
	p.judgesAs(p.live.id)
	p.asOf.folded(p.live.model.LogTime())
	return p, nil
}

// edition returns an edition without a model, of the present fold.
func (p *Projector) edition() *edition {
	return &edition{cfg: &p.cfg, id: CurrentFold(), stats: &p.stats, judge: p.cfg.Judge}
}

// saverOf begins to write checkpoints of the edition that serves, some of which
// are kept as snapshots.
func (p *Projector) saverOf(e *edition) *saver {
	s := newSaver(e, p.cfg.CheckpointInterval, p.cfg.CheckpointBytes, p.replaceModel)
	s.beside = p.snapshots.take
	p.snapshots.serves(e.store)
	return s
}

func (p *Projector) restore(ctx context.Context, first, last uint64) error {
	l := p.cfg.Loading
	if l.next {
		if p.takeNext(ctx, l, first, last) {
			return p.sweep()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		l = preloadCurrent(p.cfg)
	}
	<-l.opened
	p.live.store = l.store
	name, path, err := l.name, l.path, l.currentErr
	switch {
	case errors.Is(err, checkpoint.ErrDamaged), errors.Is(err, fs.ErrNotExist):
		p.cfg.Logger.Error("the current read model is gone; rebuilding it from the log", "error", err)
		p.stats.rebuilds.Add(1)
		return p.beginAnew(ctx, first, last, "", "the current one was gone")
	case err != nil:
		return fmt.Errorf("find the current read model: %w", err)
	case name == "":
		return p.beginAnew(ctx, first, last, "", "")
	}
	if err = p.resume(ctx, l, first, last); err == nil {
		err = p.sweep()
	}
	var doubt errDoubt
	if !errors.As(err, &doubt) {
		p.live.name = name
		return err
	}
	if p.live.store != nil {
		_ = p.live.store.Close() // it is set aside
	}
	p.cfg.Logger.Error("the checkpoint cannot be continued; rebuilding the read model from the log beside it",
		"checkpoint", path, "reason", doubt)
	p.stats.rebuilds.Add(1)
	return p.beginAnew(ctx, first, last, name, doubt.Error())
}

// beginAnew begins a read model at the beginning of the log, or with a snapshot where
// the log does not hold that: the first of a data directory, or one beside a model
// that is in doubt.
func (p *Projector) beginAnew(ctx context.Context, first, last uint64, retired, why string) error {
	if first > 1 && p.cfg.Earlier == nil {
		return p.beginAnewFromSnapshot(ctx, first, last, retired, why)
	}
	if err := p.removeUnfinished(retired); err != nil {
		return err
	}
	generation, err := p.models.NextGeneration()
	if err != nil {
		return err
	}
	name, path, err := p.models.Create()
	if err != nil {
		return fmt.Errorf("create a directory for the read model: %w", err)
	}
	if p.live.store, err = checkpoint.Open(path, checkpoint.Options{Logger: p.cfg.Logger}); err != nil {
		return fmt.Errorf("open the new read model's checkpoint: %w", err)
	}
	p.retired, p.rebuilt, p.replaces = retired, why, why != ""
	p.live.name = name
	p.live.begin(readmodel.New(p.modelConfig(generation)))
	if err := p.live.writeFirst(); err != nil {
		return err
	}
	if why == "" {
		return p.models.Use(name)
	}
	return nil
}

// removeUnfinished deletes what an earlier rebuild left that did not get to its
// end: neither the current model nor one that is kept beside it or waits for the next
// start, nor one that was set aside. Where nothing says which is the current one, all others are set aside: it
// may be among them.
func (p *Projector) removeUnfinished(current string) error {
	list, err := p.models.List()
	if err != nil {
		return err
	}
	n, err := namesBeside(p.models)
	if err != nil {
		return err
	}
	for _, name := range list {
		if name == current || name == n.Next || current != "" && (name == n.Previous || name == n.Rebuilding) {
			continue
		}
		if current == "" {
			_, err = p.models.SetAside(name, "it was not known which model was the current one", p.cfg.Now())
		} else {
			err = p.models.Remove(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ModelConfig is how the serving model is configured: a fold of the same log in
// the same configuration comes to the same state.
func (p *Projector) ModelConfig() readmodel.Config { return p.modelConfig(0) }

func (p *Projector) modelConfig(generation uint32) readmodel.Config {
	return readmodel.Config{
		Incarnation: p.cfg.Log.Incarnation(), Lineage: p.cfg.Log.Lineage(),
		DedupeHorizon: p.cfg.DedupeHorizon, OutcomeHorizon: p.cfg.OutcomeHorizon, IdentityBytes: p.cfg.IdentityBytes, Generation: generation,
	}
}

// resume compares the checkpoint with the log, and takes over what was loaded.
func (p *Projector) resume(ctx context.Context, l *Loading, first, last uint64) (err error) {
	defer func() { <-l.done }() // it reads the store
	switch {
	case errors.Is(l.openErr, checkpoint.ErrDamaged):
		return errDoubt{l.openErr}
	case l.openErr != nil:
		return fmt.Errorf("open the checkpoint: %w", l.openErr)
	case l.version == 0:
		if first > 1 {
			return fmt.Errorf("%w: it begins at message %d, and nothing was checkpointed yet", ErrLogIncomplete, first)
		}
		generation, err := p.models.NextGeneration()
		if err != nil {
			return err
		}
		p.live.begin(readmodel.New(p.modelConfig(generation)))
		return nil
	case l.markErr != nil:
		return errDoubt{l.markErr}
	}
	m := &l.mark
	if err := m.belongs(p.cfg.Log.Incarnation(), p.cfg.Log.Lineage()); err != nil {
		return err
	}
	if err := p.compare(ctx, &m.Last, first, last); err != nil {
		return err
	}
	<-l.done
	if l.loadErr != nil && m.FoldVersion != foldVersion {
		return errDoubt{fmt.Errorf("it was made by fold version %d, this binary's is %d, and cannot be read: %w", m.FoldVersion, foldVersion, l.loadErr)}
	}
	if l.loadErr != nil {
		return errDoubt{l.loadErr}
	}
	l.model.Adopt(p.cfg.Log.Incarnation(), p.cfg.Log.Lineage())
	p.live.begin(l.model)
	p.live.take(l)
	return nil
}

// sweep removes the models that a crash left, once the current one is good.
func (p *Projector) sweep() error {
	removed, err := p.models.Sweep()
	if err != nil {
		return err
	}
	if len(removed) > 0 {
		p.cfg.Logger.Info("removed models that were not finished, or are not needed any more", "names", strings.Join(removed, ","))
	}
	return nil
}

// compare checks that the log still holds the last message folded, as it was.
func (p *Projector) compare(ctx context.Context, folded *fingerprint, first, last uint64) error {
	switch {
	case folded.Seq == 0:
		return nil
	case last < folded.Seq:
		return errDoubt{fmt.Errorf("the log has lost its tail: it ends at message %d, message %d was folded", last, folded.Seq)}
	case first > folded.Seq+1 && p.cfg.Earlier == nil:
		return fmt.Errorf("%w: it begins at message %d, the checkpoint ends at %d", ErrLogIncomplete, first, folded.Seq)
	case first > folded.Seq:
		return nil // trimmed right up to the checkpoint: nothing to compare with
	}
	msg, err := p.cfg.Log.Message(ctx, folded.Seq)
	switch {
	case errors.Is(err, eventlog.ErrMessageUnreadable):
		p.cfg.Logger.Warn("the last message folded cannot be read back from the log, so it cannot be verified", "seq", folded.Seq, "error", err)
		return nil
	case err != nil:
		return fmt.Errorf("read back message %d: %w", folded.Seq, err)
	}
	if !folded.is(&msg) {
		return errDoubt{fmt.Errorf("message %d of the log is not the one that was folded: sequence numbers were used again", folded.Seq)}
	}
	return nil
}
