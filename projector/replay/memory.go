package replay

import (
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync"
	"unsafe"

	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

const (
	// besideBytes is what a fold beside the serving model takes beside its tables: the
	// buffers and caches of its store, what is read ahead, and what has changed since its
	// last checkpoint.
	besideBytes = 256 << 20
	// lookBytes is what a fold takes beside its tables that only looks.
	lookBytes = 64 << 20
	// onDiskBytes is what a fold on disk takes beside the memory that it is given: buffers
	// of its store, what is read ahead, and garbage (BenchmarkOnDisk: the process grows by
	// 207 and 231 MiB).
	onDiskBytes = 200 << 20
	// OnDiskBytes is what a fold on disk is given where there is as much: with less it
	// waits for the disk more often.
	OnDiskBytes = 256 << 20
	// growStep is how much is reserved at a time by a fold that has outgrown what it has.
	growStep = 32 << 20
)

// Memory is what folds take that make a read model beside the one that serves. Each
// reserves what it may come to before it begins, and holds that until it ends: two that
// were both told that there is room would end the process together. There is one for a
// process. Its methods may be called by many at once.
type Memory struct {
	cfg MemoryConfig

	mu   sync.Mutex
	held []*Room // the oldest first
}

// MemoryConfig says what there is. The zero value takes what the machine has.
type MemoryConfig struct {
	// Free is how much memory is left, and who sets that bound; nil asks the machine,
	// the process's control groups and GOMEMLIMIT.
	Free func() (bytes uint64, whose string)
	// Limit bounds what all folds may take together; 0 does not.
	Limit uint64
	// Serving returns the model that serves, of whose size another will be; nil, or
	// nil returned, where none does.
	Serving func() *readmodel.Model
	// Model is about what a model takes where none serves.
	Model uint64
	// OnDisk is what each fold on disk is given; 0 for OnDiskBytes, or what there is.
	OnDisk int
}

// NewMemory returns one of which nothing is reserved.
func NewMemory(cfg MemoryConfig) *Memory {
	if cfg.Free == nil {
		cfg.Free = freeMemory
	}
	return &Memory{cfg: cfg}
}

// Held is about what the models take that were folded in it.
func (m *Memory) Held() (bytes uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used()
}

func (m *Memory) used() (bytes uint64) {
	for _, r := range m.held {
		bytes += r.used()
	}
	return bytes
}

// models reserves what so many models take that are folded in memory, each with so much
// beside its tables. It fails with a *MemoryError.
func (m *Memory) models(who string, n int, beside uint64, instead string) (*Room, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &Room{memory: m, who: who, each: m.model(), whole: true}
	r.asked = uint64(n) * (beside + r.each)
	return r, m.take(r, n, r.asked, instead)
}

// onDisk reserves what so many models take that are folded on disk, and so much for what
// is read for them.
func (m *Memory) onDisk(who string, n int, reading uint64, instead string) (*Room, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	beside := uint64(onDiskBytes)
	if serving := m.serving(); serving != nil {
		beside += serving.Snapshot().Sizes.SealedFilterBytes()
	}
	memory := m.cfg.OnDisk
	if memory == 0 {
		left, _ := m.left()
		each := (left - min(reading, left)) / uint64(n)
		memory = max(int(min(each-min(beside, each), OnDiskBytes)), projector.MinOnDisk)
	}
	r := &Room{memory: m, who: who, disk: memory}
	return r, m.take(r, n, uint64(n)*(beside+uint64(memory))+reading, instead)
}

// narrow reserves for a fold of what bears on little. That is not refused: it is
// what others are told to do instead. It is when it outgrows that.
func (m *Memory) narrow(who string) *Room {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &Room{memory: m, who: who, asked: lookBytes, bytes: lookBytes}
	m.held = append(m.held, r)
	return r
}

// take has the room hold so many bytes more, if there are as many. With the lock.
func (m *Memory) take(r *Room, models int, bytes uint64, instead string) error {
	left, whose := m.left()
	if left < bytes {
		return m.refuse(r, models, bytes, left, whose, instead)
	}
	if r.bytes += bytes; r.bytes == bytes {
		m.held = append(m.held, r)
	}
	return nil
}

// left is what is neither taken nor reserved, and whose bound that is.
func (m *Memory) left() (bytes uint64, whose string) {
	bytes, whose = m.cfg.Free()
	var all, open uint64
	for _, r := range m.held {
		all += r.bytes
		open += r.bytes - min(r.used(), r.bytes)
	}
	bytes -= min(open, bytes)
	if limit := m.cfg.Limit; limit > 0 && limit-min(all, limit) < bytes {
		return limit - min(all, limit), "the limit for replays"
	}
	return bytes, whose
}

func (m *Memory) serving() *readmodel.Model {
	if m.cfg.Serving == nil {
		return nil
	}
	return m.cfg.Serving()
}

// model is what a model may come to. It will hold what the serving one does, of which
// all that lives on the heap, other folds' models aside, is more than enough.
func (m *Memory) model() uint64 {
	serving := m.serving()
	if serving == nil {
		return m.cfg.Model
	}
	live := readMetric("/gc/heap/live:bytes") // at the last collection, and so may be too little
	return max(live-min(m.used(), live), grown(serving))
}

// slots is about what a copy takes of what all videos count.
func (m *Memory) slots() uint64 {
	switch {
	case m == nil:
		return 0
	case m.serving() == nil:
		return m.cfg.Model / 2
	}
	return uint64(m.serving().Snapshot().Sizes.Videos) * uint64(unsafe.Sizeof(readmodel.Slot{}))
}

// grown is what a model of that one's size takes, and as much again of a quarter of it
// as tables that are not counted take, and as it may grow by.
func grown(m *readmodel.Model) uint64 { return m.Snapshot().Sizes.TableBytes() / 4 * 5 }

// freeMemory is the least that the machine, the process's control groups and
// GOMEMLIMIT leave, and which of them.
func freeMemory() (free uint64, whose string) {
	free, whose = machineMemory()
	limit, used := uint64(debug.SetMemoryLimit(-1)), usedMemory()
	if left := limit - min(used, limit); left < free {
		free, whose = left, "GOMEMLIMIT"
	}
	return free, whose
}

// usedMemory is what the process holds of memory, as far as Go knows of it.
func usedMemory() uint64 {
	return readMetric("/memory/classes/total:bytes") - readMetric("/memory/classes/heap/released:bytes")
}

func readMetric(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// mib writes bytes for people.
func mib(bytes uint64) string { return strconv.FormatUint(bytes>>20, 10) + " MiB" }
