package checkpoint

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
)

func TestEmptyStoreHasAnEmptyView(t *testing.T) {
	s := open(t, t.TempDir(), small)
	if version, note := s.Latest(); version != 0 || note != nil {
		t.Fatalf("latest %d %q", version, note)
	}
	mustHold(t, s.View(), model{})
	if v, err := s.View().Get([]byte("x")); v != nil || err != nil {
		t.Fatalf("get: %v %v", v, err)
	}
}

func TestWrittenVersionIsReadAfterReopening(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 1))
	var want model
	for round := range uint64(4) {
		s := open(t, dir, small)
		mustHold(t, s.View(), want.with(0, nil))
		for n := range uint64(3) {
			version := 1 + round*10 + n*2
			changes := randomChanges(r, 800, 1500, 100_000)
			want = want.with(version, changes)
			v := write(t, s, version, changes)
			mustHold(t, v, want)
			got, note := s.Latest()
			if got != version || !bytes.Equal(note, noteOf(version)) || s.View() != v {
				t.Fatalf("latest is %d %q", got, note)
			}
		}
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKeysOfAnyKindAreKeptApart(t *testing.T) {
	s := open(t, t.TempDir(), small)
	changes := map[string][]byte{
		"": {}, "m": []byte("not the marker"), "w": {1}, "!badger!txn": {2}, "\xff\xff": {3}, "a": {}, "ab": {4}, "b": {5},
		string(bytes.Repeat([]byte{'k'}, 60_000)): {6},
	}
	v := write(t, s, 1, changes)
	mustHold(t, v, model{}.with(1, changes))
}

func TestScanBeginsAndStopsWhereTold(t *testing.T) {
	s := open(t, t.TempDir(), small)
	v := write(t, s, 1, map[string][]byte{"a": {}, "ab": {1}, "ac": {2}, "ad": {3}, "b": {4}})
	for _, c := range []struct {
		prefix, from, want string
		limit              int
	}{
		{"a", "a", "a ab ac ad ", 9}, {"a", "", "a ab ac ad ", 9}, {"a", "ab", "ab ac ad ", 9},
		{"a", "abc", "ac ad ", 9}, {"a", "az", "", 9}, {"", "", "a ab ac ad b ", 9}, {"a", "a", "a ab ", 2}, {"x", "x", "", 9},
	} {
		got := ""
		err := v.Scan([]byte(c.prefix), []byte(c.from), func(k, value []byte) bool {
			if value == nil {
				t.Error("nil value")
			}
			again, err := v.Get(k)
			if err != nil || !bytes.Equal(again, value) {
				t.Errorf("get within scan: %q %v", again, err)
			}
			got += string(k) + " "
			return len(bytes.Fields([]byte(got))) < c.limit
		})
		if err != nil || got != c.want {
			t.Errorf("scan %q from %q: %q, %v; want %q", c.prefix, c.from, got, err, c.want)
		}
	}
}

func TestVersionOfManyTransactionsIsWhole(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	const n = 100_000
	writeNumbers := func(version uint64, from, to uint64) {
		_, err := s.Write(context.Background(), version, func(yield func(k, v []byte) bool) {
			for i := from; i < to; i++ {
				if !yield(binary.BigEndian.AppendUint64(nil, i), binary.BigEndian.AppendUint64(nil, i*version)) {
					return
				}
			}
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	writeNumbers(1, 0, n)
	writeNumbers(2, n/2, n)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	i := uint64(0)
	err := s.View().Scan(nil, nil, func(k, v []byte) bool {
		want := i
		if i >= n/2 {
			want = 2 * i
		}
		if binary.BigEndian.Uint64(k) != i || binary.BigEndian.Uint64(v) != want {
			t.Fatalf("row %d: %x %x", i, k, v)
		}
		i++
		return true
	})
	if err != nil || i != n {
		t.Fatalf("%d rows, %v", i, err)
	}
}

func TestWriteRefusesWhatItCannotKeep(t *testing.T) {
	s := open(t, t.TempDir(), small)
	want := model{}.with(5, map[string][]byte{"a": {1}})
	write(t, s, 5, map[string][]byte{"a": {1}})
	for name, c := range map[string]struct {
		version uint64
		key     int
		note    int
		want    error
	}{
		"same version": {5, 1, 0, ErrVersion}, "older version": {4, 1, 0, ErrVersion}, "absurd version": {1 << 63, 1, 0, ErrVersion},
		"long key": {6, 70_000, 0, ErrTooLarge}, "long marker": {6, 1, MaxMarkerBytes + 1, ErrTooLarge},
	} {
		_, err := s.Write(context.Background(), c.version, entries(map[string][]byte{string(make([]byte, c.key)): {9}}), make([]byte, c.note))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		mustHold(t, s.View(), want)
	}
	mustHold(t, write(t, s, 6, nil), want)
}

func TestClosedStoreRefuses(t *testing.T) {
	s := open(t, t.TempDir(), small)
	v := write(t, s, 1, map[string][]byte{"a": {1}})
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, getErr := v.Get([]byte("a"))
	_, writeErr := s.Write(context.Background(), 2, entries(nil), nil)
	for _, err := range []error{getErr, writeErr, v.Scan(nil, nil, nil), v.Versions(nil, nil), s.Sync()} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%v", err)
		}
	}
	s.CollectGarbage()
}

func TestLargeValuesAreCollectedAndDeletedOnesStayAway(t *testing.T) {
	dir := t.TempDir()
	o := Options{MemTableBytes: minMemTableBytes, ValueThreshold: 32 << 10}
	s := open(t, dir, o)
	r := rand.New(rand.NewPCG(3, 3))
	want := model{}
	version := uint64(0)
	step := func() {
		version++
		changes := randomChanges(r, 120, 60, 0)
		for i := range 8 {
			changes[keyName(r.IntN(40))] = bytes.Repeat([]byte{byte(version), byte(i)}, 200_000)
		}
		want = want.with(version, changes)
		mustHold(t, write(t, s, version, changes), want)
	}
	for range 12 {
		for range 4 {
			step()
		}
		// Closing makes a table of the memtable, so that there is something to
		// compact, by which Badger learns what is garbage.
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, o)
		if err := s.db.Flatten(2); err != nil {
			t.Fatal(err)
		}
		s.CollectGarbage()
		mustHold(t, s.View(), want)
	}
	files, err := listFiles(dir)
	if err != nil || len(files.valueLogs) == 0 || files.valueLogs[0] == 1 {
		t.Errorf("no value log was collected: %v %v", files.valueLogs, err)
	}
}
