package projector

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/oracle"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// withRowChanged writes a row of a snapshot anew, as nothing in the log says.
func withRowChanged(t testing.TB, info SnapshotInfo) {
	t.Helper()
	store, err := checkpoint.Open(info.Path, checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	version, note := store.Latest()
	var key, value []byte
	err = store.View().Scan([]byte("r"), nil, func(k, v []byte) bool {
		key, value = append([]byte{}, k...), append([]byte{}, v...)
		return len(value) == 0
	})
	if err != nil || len(value) == 0 {
		t.Fatalf("no row to change: %v", err)
	}
	value[0] ^= 1
	_, err = store.Write(context.Background(), version+1, func(yield func(k, v []byte) bool) { yield(key, value) }, note)
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestShadowBeginsWithASnapshot(t *testing.T) {
	w := startWorldWithSnapshots(t, 5)
	w.commits(0, 30)
	info := w.snapshot()
	w.commits(30, 10)
	w.equal("all of it")
	s := w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{From: &info, Read: w.read}))
	if s.At().Seq != info.Seq {
		t.Errorf("it begins at %v, the snapshot is of %d", s.At(), info.Seq)
	}
	if !w.compare(s) {
		t.Error("it differs from the serving model")
	}
	w.switchTo(s)
	w.equal("switched")
	again, err := w.open(info)
	if err != nil {
		t.Fatalf("the snapshot is not what it was: %v", err)
	}
	w.must(again.Close())
}

func TestSnapshotWhoseDigestDoesNotHoldIsNoBase(t *testing.T) {
	w := startWorldWithSnapshots(t, 5)
	w.commits(0, 30)
	info := w.snapshot()
	withRowChanged(t, info)
	before, err := w.p.models.List()
	w.must(err)
	if s, err := w.p.ComparedShadow(testContext(t), ShadowOptions{From: &info, Read: w.read}); !errors.Is(err, readmodel.ErrState) {
		t.Errorf("a snapshot with another row: %v, %v", s, err)
	}
	other := info
	other.Digest = "of another"
	if s, err := w.p.ComparedShadow(testContext(t), ShadowOptions{From: &other, Read: w.read}); err == nil {
		t.Errorf("a snapshot that is not what is said of it begins at %v", s.At())
	}
	if after, err := w.p.models.List(); err != nil || len(after) != len(before) {
		t.Errorf("models %v are left, there were %v: %v", after, before, err)
	}
}

// A start that must rebuild, from a log that was trimmed, begins with the newest
// snapshot whose digest holds.
func TestStartBeginsWithASnapshotWhereTheLogWasTrimmed(t *testing.T) {
	w := startWorldWithSnapshots(t, 5)
	w.commits(0, 20)
	good := w.snapshot()
	w.commits(20, 5)
	bad := w.snapshot()
	w.commits(25, 5)
	want := oracle.New()
	*want = *w.recount()
	generation := w.p.Snapshot().Generation()
	w.stop()
	withRowChanged(t, bad)
	w.must(w.log.Trim(testContext(t), good.Seq-1))
	w.must(os.WriteFile(filepath.Join(w.path("models"), "CURRENT"), []byte("x"), 0o600))
	w.start()
	w.must(w.p.WaitFor(testContext(t), events.Position{Seq: want.At}))
	w.must(w.p.Inspect(testContext(t), func(m *readmodel.Model) { mustEqual(t, "begun with a snapshot", want, m) }))
	if w.p.Snapshot().Generation() <= generation {
		t.Error("its generation is not above the one of before")
	}
	w.stop()
	w.start()
	if got := w.p.Snapshot().At; got.Seq != want.At {
		t.Errorf("the next start begins at %v, want %d", got, want.At)
	}
	w.stop()

	w.must(w.log.Trim(testContext(t), good.Seq+1)) // now none does
	w.must(os.WriteFile(filepath.Join(w.path("models"), "CURRENT"), []byte("x"), 0o600))
	if err := w.restore(); !errors.Is(err, ErrLogIncomplete) {
		t.Errorf("a start that nothing covers: %v", err)
	}
}
