package projector

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/mapped"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// edition is a read model with the directory that keeps it: one serves, another
// may be folded beside it. One goroutine folds into it; its checkpoints are
// written beside that (saver).
type edition struct {
	cfg   *Config
	name  string // of its directory
	model *readmodel.Model
	fold  *Fold
	store *checkpoint.Store
	// space is where the flat tables lie of an edition on disk, and memory what it
	// may take; nil and 0 for one in memory.
	space  *mapped.Space
	memory int
	// id names its fold to who asks for judgements.
	id FoldID

	last    fingerprint
	lastMsg *decodedMessage // its fingerprint is taken when a checkpoint asks for it
	saved   events.Position
	digest  readmodel.Digest // of what is saved
	version uint64
	// mends counts how often keys were written anew, at no position: by now, up to
	// the last freeze, and in what is saved.
	mends, frozenMends, savedMends int
	// unwritten is a checkpoint that failed.
	unwritten frozen
	stats     *stats
	saver     *saver
	// failed: a message was folded in part, or the disk below the tables is at fault.
	// Nothing of the model may be written any more.
	failed bool
	// judge is told what each message did; nil for an edition that does not serve.
	judge func(*Judgement)
}

// errFailed says why an edition is not written.
var errFailed = errors.New("write the last checkpoint: the fold has stopped within a message; what is gone on with is the checkpoint before")

// begin gives a model to the edition: an empty one, or one that was loaded.
func (e *edition) begin(m *readmodel.Model) {
	e.model, e.fold = m, NewFold(m, e.judging())
	e.saved = m.At()
	e.stats.saved.Store(e.saved.Packed())
}

// take takes over what the checkpoint of a loaded model says.
func (e *edition) take(l *Loading) {
	e.version, e.last, e.digest = l.version, l.mark.Last, l.model.Digest()
	e.id = FoldID{Version: l.mark.FoldVersion, Epoch: l.mark.Epoch}
}

// judging are the options of the edition's fold: who serves tells what it does.
func (e *edition) judging() FoldOptions {
	if e.judge == nil {
		return FoldOptions{}
	}
	return FoldOptions{Judge: func(j *Judgement) {
		j.Fold = e.id
		e.judge(j)
	}}
}

// unsaved reports whether a checkpoint has anything to hold that the last has not.
func (e *edition) unsaved() bool { return e.mends != e.frozenMends || e.model.At() != e.saved }

// foldMessage folds the next message of the log.
func (e *edition) foldMessage(msg *decodedMessage) error {
	if err := e.fold.message(msg); err != nil {
		e.failed = true
		return err
	}
	msg.folded()
	e.lastMsg = msg
	e.stats.note(msg, e.fold)
	if e.saver != nil && e.model.DirtyBytes() > e.saver.bytes {
		e.saver.begin()
	}
	return nil
}

// drain writes the last checkpoint, after one that failed before it, and where it
// ends. Where the disk may not be written to, that is left to the next start.
func (e *edition) drain() (written bool, err error) {
	if e.failed {
		return false, errFailed
	}
	if e.unwritten.image == nil && !e.unsaved() {
		e.keep()
		return true, nil
	}
	if err := e.cfg.MayWrite(); err != nil {
		e.stats.postponed.Add(1)
		e.cfg.Logger.Warn("the last checkpoint is not written; the next start folds more of the log", "error", err)
		return false, nil
	}
	if e.unwritten.image != nil {
		if err := e.saveNow(e.unwritten); err != nil {
			return false, fmt.Errorf("write the last checkpoint: %w", err)
		}
		e.unwritten = frozen{}
	}
	if e.unsaved() {
		if err := e.saveNow(frozen{}); err != nil {
			return false, fmt.Errorf("write the last checkpoint: %w", err)
		}
	}
	e.keep()
	return true, nil
}

// saveNow writes a checkpoint where no fold runs.
func (e *edition) saveNow(f frozen) error {
	return e.guard(func() error {
		f, view, err := e.save(f, func(fn func()) error { fn(); return nil })
		if err == nil {
			e.kept(f.image, view)
		}
		return err
	})
}

// writeFirst checkpoints the empty model, so that the directory knows which log
// it belongs to before the first command is taken: a log that is lost after
// that is missed, and not begun anew.
func (e *edition) writeFirst() error {
	if err := e.saveNow(frozen{}); err != nil {
		return fmt.Errorf("write the first checkpoint: %w", err)
	}
	return e.store.Sync()
}

// save writes a checkpoint beside the fold, which it asks to run what only the
// fold may do. It returns the image as soon as there is one, also with an error.
func (e *edition) save(f frozen, ask func(func()) error) (frozen, *checkpoint.View, error) {
	fold := func(fn func()) error { // guarded, since it runs on the fold's goroutine
		var fault error
		err := ask(func() { fault = e.guard(func() error { fn(); return nil }) })
		return errors.Join(err, fault)
	}
	if f.image == nil {
		var image *readmodel.Image
		err := fold(func() {
			e.version++
			image = e.model.Plan(e.version)
		})
		if err == nil {
			err = image.Prepare(e.store, fold)
		}
		if err == nil {
			err = fold(func() { f = e.freeze() })
		}
		if err != nil {
			return f, nil, err
		}
	}
	if err := f.image.Write(e.store); err != nil {
		return f, nil, err
	}
	view, err := e.writeKeys(f)
	if err != nil {
		return f, nil, err
	}
	if err := e.store.KeepFiles(f.image.Needs); err != nil {
		e.cfg.Logger.Warn("files of older checkpoints could not be removed", "error", err)
	}
	return f, view, nil
}

// writeKeys writes the keys of an image and its marker. It fails also where what
// is merged into the image cannot be read back from the checkpoint before.
func (e *edition) writeKeys(f frozen) (view *checkpoint.View, err error) {
	unread := readmodel.GuardRows(func() {
		view, err = e.store.Write(context.Background(), f.image.Version, f.image.Writes(), f.mark.encode(f.image))
	})
	return view, errors.Join(unread, err)
}

// freeze takes an image of all changes since the last checkpoint, with what its
// marker says of the log.
func (e *edition) freeze() frozen {
	if e.lastMsg != nil {
		e.last = fingerprintOf(&e.lastMsg.Message)
	}
	e.frozenMends = e.mends
	return frozen{e.model.Freeze(e.version), marker{
		FoldVersion: e.id.Version, Epoch: e.id.Epoch, Incarnation: e.model.Incarnation().String(), Last: e.last, SavedAt: e.cfg.Now().UTC(),
	}}
}

// kept takes note that an image was written.
func (e *edition) kept(image *readmodel.Image, view *checkpoint.View) {
	e.saved, e.digest, e.savedMends = image.At, image.Digest, e.frozenMends
	e.model.Kept(view)
	e.stats.saved.Store(image.At.Packed())
}
