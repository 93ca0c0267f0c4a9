package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

var errStop = errors.New("stop")

// tear writes a version whose iteration ends in a panic after n entries, with
// what came before committed.
func tear(t testing.TB, s *Store, version uint64, changes map[string][]byte, n int) {
	t.Helper()
	defer func() {
		if r := recover(); r != errStop {
			t.Fatalf("write did not end in a panic: %v", r)
		}
	}()
	_, err := s.Write(context.Background(), version, func(yield func(k, v []byte) bool) {
		for k, v := range entries(changes) {
			if n--; n < 0 {
				break
			}
			if !yield(k, v) {
				return
			}
		}
		panic(errStop)
	}, nil)
	t.Fatalf("write returned %v", err)
}

// commitTorn writes a version up to its marker, which it leaves out.
func commitTorn(t testing.TB, s *Store, version uint64, changes map[string][]byte) {
	t.Helper()
	s.writing.Lock()
	defer s.writing.Unlock()
	timestamp, err := s.nextTimestamp(version)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.complete(timestamp, marker{version: version}, func(b *batch) error {
		if err := writeAll(context.Background(), b, entries(changes)); err != nil {
			return err
		}
		if err := b.commit(); err != nil {
			return err
		}
		return errStop
	})
	if !errors.Is(err, errStop) {
		t.Fatalf("torn write returned %v", err)
	}
}

func TestTornVersionLeavesTheOneBeforeWhole(t *testing.T) {
	for _, reopen := range []bool{false, true} {
		for _, next := range []uint64{2, 3, 9} {
			t.Run(fmt.Sprintf("reopen=%v,next=%d", reopen, next), func(t *testing.T) {
				dir := t.TempDir()
				s := open(t, dir, small)
				first := map[string][]byte{"kept": {1}, "changed": {2}, "deleted": {3}, "emptied": {4}, "empty": {}}
				want := model{}.with(1, first)
				write(t, s, 1, first)
				commitTorn(t, s, 2, map[string][]byte{"created": {9}, "changed": {9}, "deleted": nil, "emptied": {}, "empty": {9}})
				mustHold(t, s.View(), want)
				if reopen {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					s = open(t, dir, small)
				}
				if version, note := s.Latest(); version != 1 || string(note) != string(noteOf(1)) {
					t.Fatalf("latest is %d %q", version, note)
				}
				mustHold(t, s.View(), want)
				changes := map[string][]byte{"other": {7}}
				want = want.with(next, changes)
				mustHold(t, write(t, s, next, changes), want)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				mustHold(t, open(t, dir, small).View(), want)
			})
		}
	}
}

func TestTornFirstVersionLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	commitTorn(t, s, 1, map[string][]byte{"a": {1}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, small)
	if version, _ := s.Latest(); version != 0 {
		t.Fatalf("latest is %d", version)
	}
	mustHold(t, s.View(), model{})
	mustHold(t, write(t, s, 1, map[string][]byte{"b": {2}}), model{"b": {"\x02", 1}})
}

func TestCancelledWriteCanBeRepeated(t *testing.T) {
	s := open(t, t.TempDir(), small)
	write(t, s, 1, map[string][]byte{"a": {1}})
	ctx, cancel := context.WithCancel(context.Background())
	many := func(stopAt int) iter.Seq2[[]byte, []byte] {
		return func(yield func(k, v []byte) bool) {
			for i := range 30_000 {
				if i == stopAt {
					cancel()
				}
				if !yield([]byte(keyName(i)), []byte{byte(i)}) {
					return
				}
			}
		}
	}
	if _, err := s.Write(ctx, 2, many(20_000), nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("write: %v", err)
	}
	mustHold(t, s.View(), model{"a": {"\x01", 1}})
	v, err := s.Write(context.Background(), 2, many(-1), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = v.Versions([]byte("k"), func(_ []byte, version uint64) bool {
		n++
		return version == 2
	})
	if err != nil || n != 30_000 {
		t.Fatalf("%d rows, %v", n, err)
	}
}

// TestAnyOrderOfTearingAndReopening is the property behind the cases above.
func TestAnyOrderOfTearingAndReopening(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			dir := t.TempDir()
			o := Options{MemTableBytes: minMemTableBytes, ValueThreshold: 32 << 10}
			large := 40_000 * int(seed%2)
			s := open(t, dir, o)
			want, version := model{}, uint64(0)
			for range 60 {
				next := version + 1 + r.Uint64N(2)*r.Uint64N(5)
				changes := randomChanges(r, 1+r.IntN(300), 400, large)
				switch p := r.IntN(20); {
				case p < 8:
					want, version = want.with(next, changes), next
					write(t, s, next, changes)
				case p < 12:
					if s.torn {
						continue
					}
					commitTorn(t, s, next, changes)
				case p < 15:
					tear(t, s, next, changes, r.IntN(len(changes)))
				case p < 17:
					if err := s.db.Flatten(2); err != nil {
						t.Fatal(err)
					}
					s.CollectGarbage()
				default:
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					s = open(t, dir, o)
				}
				if got, _ := s.Latest(); got != version {
					t.Fatalf("latest is %d, want %d", got, version)
				}
				mustHold(t, s.View(), want)
			}
		})
	}
}

// TestLostLogIsNoticed takes away a row that only a write-ahead log held, while
// the marker stays: what a flipped byte in an older log does.
func TestLostLogIsNoticed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	write(t, s, 1, map[string][]byte{"a": {1}})
	write(t, s, 2, map[string][]byte{"b": {2}})
	txn := s.db.NewTransactionAt(2, true)
	defer txn.Discard()
	for _, w := range s.witnesses.last {
		if err := txn.Delete(w.key()); err != nil {
			t.Fatal(err)
		}
	}
	if err := txn.CommitAt(2, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, small); !errors.Is(err, ErrDamaged) {
		t.Fatalf("open: %v", err)
	}
}

func TestWitnessesDoNotPileUp(t *testing.T) {
	dir := t.TempDir()
	rows := 0
	for round := range 3 {
		s := open(t, dir, small)
		for version := uint64(1); version <= 40; version++ {
			changes := randomChanges(rand.New(rand.NewPCG(1, version)), 600, 5000, 60_000)
			write(t, s, uint64(round)*40+version, changes)
		}
		txn := s.db.NewTransactionAt(s.View().timestamp, false)
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{spaceWitness}})
		rows = 0
		for it.Rewind(); it.Valid(); it.Next() {
			rows++
		}
		it.Close()
		txn.Discard()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if rows > 20 {
		t.Fatalf("%d witnesses are left", rows)
	}
}
