package replay

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// grow counts views of so many videos more.
func grow(m *readmodel.Model, seq uint64, videos int) {
	m.Begin(seq, events.Time(0).Std())
	for n := range videos {
		id := events.VideoID{0: byte(seq), 1: byte(n >> 16), 2: byte(n >> 8), 3: byte(n)}
		m.AddView(id, 0)
	}
	m.Publish(0)
}

// What one fold has reserved is not there for another, whether it has taken it yet or
// not, and is counted once when it has.
func TestMemoryIsReservedOnce(t *testing.T) {
	free := uint64(1000 << 20)
	m := NewMemory(MemoryConfig{Free: func() (uint64, string) { return free, "the test" }, Model: 500 << 20})
	first, err := m.models("rebuild 1", 1, lookBytes, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.models("verify 2", 1, lookBytes, "do something else")
	if want := "memory does not suffice for a read model that is folded for it: it may take 564 MiB, and the test leaves 436 MiB" +
		" beside what is reserved (rebuild 1 564 MiB): wait for the end of that, or cancel it, or do something else"; !errors.Is(err, ErrMemory) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	model := readmodel.New(readmodel.Config{})
	first.holds(model)
	grow(model, 1, 1<<16)
	taken := first.used()
	free -= taken
	if left, _ := m.left(); taken < 4<<20 || left != 436<<20 || m.Held() != taken {
		t.Errorf("%d are left when %d are taken", left, taken)
	}
	first.Release()
	second, err := m.models("verify 2", 1, lookBytes, "")
	if err != nil || m.Held() != 0 {
		t.Fatal(err)
	}
	second.Release()
	if len(m.held) > 0 {
		t.Error("it is still held")
	}
}

// A limit is of what all folds have reserved, however much they have taken.
func TestMemoryIsHeldToItsLimit(t *testing.T) {
	m := NewMemory(MemoryConfig{Free: func() (uint64, string) { return 1 << 40, "the test" }, Limit: 200 << 20, Model: 1 << 20})
	for range 3 {
		if _, err := m.models("a look", 1, lookBytes, ""); err != nil {
			t.Fatal(err)
		}
	}
	_, err := m.models("a look", 1, lookBytes, "")
	var short *MemoryError
	if !errors.As(err, &short) || short.Whose != "the limit for replays" || short.Left != 5<<20 || len(short.Holders) != 3 {
		t.Errorf("%+v", err)
	}
}

// A fold that outgrows what was reserved, because the log has grown, reserves more, and
// ends where there is no more.
func TestRoomGrowsWithTheLog(t *testing.T) {
	free := uint64(1 << 40)
	serving := readmodel.New(readmodel.Config{})
	m := NewMemory(MemoryConfig{Free: func() (uint64, string) { return free, "the test" }, Serving: func() *readmodel.Model { return serving }})
	r, err := m.models("rebuild 1", 1, besideBytes, "")
	if err != nil {
		t.Fatal(err)
	}
	r.holds(readmodel.New(readmodel.Config{}))
	r.each = grown(serving) // of this model alone: others are on the heap of the test
	before := r.bytes
	if err := r.fits(); err != nil || r.bytes != before {
		t.Errorf("it has grown by %d: %v", r.bytes-before, err)
	}
	grow(serving, 1, 1<<16)
	if err := r.fits(); err != nil || r.bytes != before+growStep {
		t.Errorf("it has grown by %d: %v", r.bytes-before, err)
	}
	free = 0
	for seq := uint64(2); r.fits() == nil; seq++ {
		if grow(serving, seq, 1<<16); seq > 20 {
			t.Fatal("it never ends")
		}
	}
	if err := r.fits(); !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), "what has come into the log since it began") {
		t.Error(err)
	}
}

// A fold on disk takes what it is given, and its buffers beside that.
func TestFoldOnDiskReservesItsBuffersToo(t *testing.T) {
	for _, c := range []struct {
		free   uint64
		models int
		given  int // 0: refused
	}{{1 << 30, 1, 256 << 20}, {400 << 20, 1, 200 << 20}, {232 << 20, 1, 32 << 20}, {231 << 20, 1, 0}, {500 << 20, 2, 50 << 20}, {400 << 20, 2, 0}} {
		m := NewMemory(MemoryConfig{Free: func() (uint64, string) { return c.free, "the test" }})
		r, err := m.onDisk("verify 1", c.models, 0, "")
		if c.given == 0 {
			if !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), mib(uint64(c.models)*232<<20)) {
				t.Errorf("with %d MiB: %v", c.free>>20, err)
			}
			continue
		}
		if err != nil || r.onDisk() != c.given {
			t.Errorf("with %d MiB: %v, %v", c.free>>20, r, err)
		}
	}
}

// What is in a part is reserved also where the manifest does not say how much it is.
func TestWhatAnExportDoesNotSayIsReserved(t *testing.T) {
	for _, c := range []struct {
		partBytes int
		file      int64
		want      uint64
	}{{1 << 20, 10, 1<<20 + 10}, {0, 10, 50}, {-1, 10, 50}, {0, 1 << 40, 1<<40 + partLimit}, {1 << 40, 10, partLimit + 10}} {
		x := &Exported{Manifest: Manifest{PartBytes: c.partBytes, Parts: []Part{{Bytes: c.file}}}}
		if got := x.partMemory(); got != c.want {
			t.Errorf("a part of %d bytes in a file of %d: %d are reserved, not %d", c.partBytes, c.file, got, c.want)
		}
	}
}
