package projector

import (
	"context"
	"errors"
	"iter"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// keeper folds a log with checkpoints in a store, and starts again from them.
type keeper struct {
	t       fatal
	dir     string
	store   *checkpoint.Store
	fold    *Fold
	cfg     readmodel.Config
	version uint64
	images  int // written or torn
}

// smallStore keeps stores of tests small.
var smallStore = checkpoint.Options{MemTableBytes: 1 << 20}

func newKeeper(t fatal) *keeper {
	dir, err := os.MkdirTemp("", "tidemark-checkpoint-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	k := &keeper{t: t, dir: dir, cfg: testModelConfig()}
	k.open()
	return k
}

func (k *keeper) open() {
	var err error
	if k.store, err = checkpoint.Open(k.dir, smallStore); err != nil {
		k.t.Fatalf("open: %v", err)
	}
	k.load()
}

// load begins with what the store holds.
func (k *keeper) load() {
	version, state := k.store.Latest()
	if k.version = version; version == 0 {
		k.fold = newFoldWith(k.cfg)
		return
	}
	m, err := readmodel.Load(k.cfg, state, k.store.View())
	if err != nil {
		k.t.Fatalf("load version %d: %v", version, err)
	}
	k.fold = NewFold(m, FoldOptions{})
}

func (k *keeper) close() {
	if err := k.store.Close(); err != nil {
		k.t.Fatalf("close: %v", err)
	}
}

func (k *keeper) reopen() { k.close(); k.open() }

func (k *keeper) remove() {
	k.close()
	_ = os.RemoveAll(k.dir)
}

// rest is what the model has not folded yet.
func (k *keeper) rest(log []eventlog.Message) []eventlog.Message { return log[k.fold.model.At().Seq:] }

func (k *keeper) freeze() *readmodel.Image {
	k.images++
	image := k.fold.model.Plan(k.version + 1)
	if err := image.Prepare(k.store, func(fn func()) error { fn(); return nil }); err != nil {
		k.t.Fatalf("prepare: %v", err)
	}
	return k.fold.model.Freeze(k.version + 1)
}

func (k *keeper) writeFiles(i *readmodel.Image) {
	if err := i.Write(k.store); err != nil {
		k.t.Fatalf("write files: %v", err)
	}
}

func (k *keeper) write(i *readmodel.Image) {
	k.writeFiles(i)
	view, err := k.store.Write(context.Background(), i.Version, i.Writes(), i.State)
	if err != nil {
		k.t.Fatalf("write: %v", err)
	}
	if err := k.store.KeepFiles(i.Needs); err != nil {
		k.t.Fatalf("keep files: %v", err)
	}
	k.version = i.Version
	k.fold.model.Kept(view)
}

// tear lets the writing of an image end after so many entries, as a crash does.
func (k *keeper) tear(i *readmodel.Image, after int) {
	k.writeFiles(i)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var torn iter.Seq2[[]byte, []byte] = func(yield func(key, value []byte) bool) {
		n := 0
		for key, value := range i.Writes() {
			if n == after || !yield(key, value) {
				break
			}
			n++
		}
		cancel()
	}
	if _, err := k.store.Write(ctx, i.Version, torn, i.State); !errors.Is(err, context.Canceled) {
		k.t.Fatalf("torn write: %v", err)
	}
}

func TestRestartsGiveTheSameStateAsNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := messagesOf(drawLog(t, 5, 60))
		k := newKeeper(t)
		defer k.remove()
		for len(k.rest(log)) > 0 {
			n := rapid.IntRange(1, len(k.rest(log))).Draw(t, "folded")
			foldAll(t, k.fold, k.rest(log)[:n])
			if k.images == 2 {
				continue // enough
			}
			switch image := k.freeze(); rapid.IntRange(0, 4).Draw(t, "checkpoint") {
			case 0:
				k.write(image)
			case 1: // beside the fold
				beside := k.rest(log)
				foldAll(t, k.fold, beside[:min(3, len(beside))])
				k.write(image)
			case 2:
				k.write(image)
				k.reopen()
			case 3:
				k.write(image)
				k.load() // as a crash right after the marker does
			case 4:
				k.tear(image, rapid.IntRange(0, image.Len()).Draw(t, "entries"))
				k.reopen()
			}
		}
		check(t, "after restarts", recount(log), k.fold.model)
		once := newFold()
		foldAll(t, once, log)
		if got, want := k.fold.model.Digest(), once.model.Digest(); got != want {
			t.Fatalf("digest %v after restarts, %v in one go\n%+v\n%+v", got, want, got, want)
		}
		k.write(k.freeze())
		k.reopen()
		check(t, "read back", recount(log), k.fold.model)
	})
}

// manyEvents is a log that moves everything a little.
func manyEvents(t testing.TB, from, to int) (log []eventlog.Message) {
	for seq := from; seq <= to; seq++ {
		a, b := string(rune('1'+seq%7)), string(rune('1'+seq%5))
		log = append(log, ownMessage(uint64(seq), testTime, append(bare(t, testTime,
			"video.viewed v"+a+" @-"+b+" id="+a+b,
			"video.liked v"+a+" u"+b,
			"comment.created v"+b+" c"+a+" u"+b,
			"job.updated j"+a+" progress="+a,
			"notification.sent n"+a+" u"+b+" in=x",
			"user.blocked u"+a+" b"+b,
		), command(t, events.Command{ID: commandID(seq), Keyed: true}, testTime, "video.viewed v"+b))...))
	}
	return log
}

func TestEveryTornCheckpointLeavesTheOneBefore(t *testing.T) {
	log := manyEvents(t, 1, 24)
	want := recount(log)
	k := newKeeper(t)
	t.Cleanup(k.remove)
	foldAll(t, k.fold, log[:12])
	k.write(k.freeze())
	k.reopen()
	points := 0
	for after := 0; ; after++ {
		foldAll(t, k.fold, k.rest(log))
		image := k.freeze()
		if after > image.Len() {
			k.write(image)
			break
		}
		k.tear(image, after)
		points++
		if after%16 == 0 {
			k.reopen()
		} else {
			k.load()
		}
		if got := k.fold.model.At().Seq; got != 12 {
			t.Fatalf("torn after %d entries: the checkpoint ends at message %d", after, got)
		}
	}
	k.reopen()
	mustEqual(t, "after all", want, k.fold.model)
	t.Logf("torn at %d points", points)
}
