package readmodel

import (
	"runtime"
	"sync/atomic"

	"github.com/tidemark-io/tidemark/events"
)

// Counts holds the five counters of a video, by events.Counter.
type Counts [events.CounterCount]int64

// Videos is the table that the product exists for: the five counters of every
// video, in flat memory that the collector does not scan, read without locks.
//
// A video has a number, given in the order of first appearance in the log, and
// with it a slot of one cache line in a chunk. The fold is the only writer. It
// writes a slot at most once per position; that is what makes a torn read
// visible (see Slot).
type Videos struct {
	index  *index
	space  Space
	chunks atomic.Pointer[[]*videoChunk]
	// mends counts the slots that were written anew at no position, which the slot
	// itself does not show.
	mends  atomic.Uint64
	count  uint32 // the writer's alone
	dirty  dirtySet
	digest uint64 // of all slots that are neither dirty nor in the capture

	log     tableLog
	capture *capture // of the checkpoint being written; nil if none is
	saved   uint32   // how many the checkpoint holds that is being loaded

	// changed collects what change does, where keepChanges asks for it.
	keepChanges bool
	changed     []VideoChange
}

// VideoChange is by how much the counters of a video were changed.
type VideoChange struct {
	Video  events.VideoID
	Counts Counts
}

// KeepChanges has the changes of counters collected from now on, for
// TakeChanges. Whoever asks for it takes them after every event. Writer only.
func (v *Videos) KeepChanges() { v.keepChanges = true }

// TakeChanges returns the changes since it was called last, save those of views
// that AddViews counted. They are good until the next change. Writer only.
func (v *Videos) TakeChanges() []VideoChange {
	taken := v.changed
	v.changed = v.changed[:0]
	return taken
}

const (
	// chunkBits makes a chunk 2 MiB, a huge page of the usual processors.
	chunkBits = 15
	chunkSize = 1 << chunkBits
	// chunksAtOnce bounds how many are made in one piece, of 32 MiB.
	chunksAtOnce = 16
)

type videoChunk [chunkSize]slot

// slot is one cache line. The state word holds the position of the last
// visible change, and three flags. A reader takes the word, the counters and
// the word again: since every event that changes the counters of a visible video
// changes the position in the word, equal words mean whole counters. A mend is no
// event and leaves the word as it was (overwrite): so the reader also looks, once
// for all slots that it reads, whether any was mended meanwhile.
type slot struct {
	hi, lo uint64 // the key; written before the index knows the slot
	state  atomic.Uint64
	counts [events.CounterCount]atomic.Int64
}

const (
	slotBusy    = 1 << iota // the fold is writing the counters
	slotKnown               // published, or seen with a first view, like, comment, remix or glitch
	slotDeleted             // by a moderator; counters go on hidden
	slotFlags   = 3         // bits below the position
)

// Slot is what a reader found of one video.
type Slot struct {
	Counts Counts
	state  uint64
}

// Changed is the position of the last change that readers could see.
func (s *Slot) Changed() events.Position { return events.UnpackPosition(s.state >> slotFlags) }

// Known reports whether anybody saw the video: not so if it was deleted before.
func (s *Slot) Known() bool { return s.state&slotKnown != 0 }

// Deleted reports whether a moderator hides the video.
func (s *Slot) Deleted() bool { return s.state&slotDeleted != 0 }

// Visible reports whether the video may stand in an answer.
func (s *Slot) Visible() bool { return visible(s.state) }

func newVideos(space Space) *Videos {
	v := &Videos{space: space, log: tableLog{table: tableVideos, size: stripeVideos}}
	v.chunks.Store(&[]*videoChunk{})
	v.index = newIndex(space, func(n uint32) (hi, lo uint64, there bool) {
		chunks := *v.chunks.Load()
		if int(n>>chunkBits) >= len(chunks) {
			return 0, 0, false
		}
		s := &chunks[n>>chunkBits][n&(chunkSize-1)]
		return s.hi, s.lo, true
	})
	return v
}

func (v *Videos) slot(number uint32) *slot {
	return &(*v.chunks.Load())[number>>chunkBits][number&(chunkSize-1)]
}

// Find returns the number of a video that the log has named.
func (v *Videos) Find(id events.VideoID) (uint32, bool) {
	hi, lo := words(id)
	return v.index.find(v.index.hash(hi, lo), hi, lo)
}

// ID returns the ID of the video with that number.
func (v *Videos) ID(number uint32) events.VideoID {
	s := v.slot(number)
	return bytes16(s.hi, s.lo)
}

// Read reads one slot whole: all counters from one position.
func (v *Videos) Read(number uint32, into *Slot) {
	for {
		mends := v.mends.Load()
		if v.slot(number).read(into); v.mends.Load() == mends {
			return
		}
	}
}

func (s *slot) read(into *Slot) {
	for try := 1; ; try++ {
		before := s.state.Load()
		s.load(&into.Counts)
		if before&slotBusy == 0 && s.state.Load() == before {
			into.state = before
			return
		}
		// The fold holds a slot for nanoseconds; if it was descheduled
		// meanwhile, it needs this processor.
		if try%64 == 0 {
			runtime.Gosched()
		}
	}
}

// load reads the counters, each by itself. It is not a loop, so that it becomes
// part of its callers.
func (s *slot) load(into *Counts) {
	into[0], into[1] = s.counts[0].Load(), s.counts[1].Load()
	into[2], into[3] = s.counts[2].Load(), s.counts[3].Load()
	into[4] = s.counts[4].Load()
}

// Len is the number of videos in the table. Writer only.
func (v *Videos) Len() int { return int(v.count) }

// intern returns the number of a video, giving it one if it has none. Writer only.
func (v *Videos) intern(id events.VideoID) uint32 {
	hi, lo := words(id)
	hash := v.index.hash(hi, lo)
	if number, ok := v.index.find(hash, hi, lo); ok {
		return number
	}
	number := v.count
	v.reserve(number)
	s := v.slot(number)
	s.hi, s.lo = hi, lo
	v.count++
	v.dirty.add(number)
	v.index.add(hash, number)
	return number
}

// reserve makes sure that the chunk of the slot exists.
func (v *Videos) reserve(number uint32) {
	chunks := *v.chunks.Load()
	if int(number>>chunkBits) < len(chunks) {
		return
	}
	// Half as much again, up to a limit: a few hundred pieces hold any table.
	more := allocPiece[videoChunk](v.space, min(max(len(chunks)/2, 1), chunksAtOnce))
	grown := make([]*videoChunk, len(chunks), len(chunks)+len(more))
	copy(grown, chunks)
	for c := range more {
		grown = append(grown, &more[c])
	}
	v.chunks.Store(&grown)
}

// change adds delta to the counters of a video and sets its flags, as of
// position at. A change of what nobody can see leaves the position alone, so that
// nobody is told of it; to delete and to restore are told, since what a reader
// remembers may be older than the log. Writer only, once per slot and position.
func (v *Videos) change(number uint32, delta Counts, flags uint64, at events.Position) {
	s := v.slot(number)
	before := s.state.Load()
	oldFlags := before & (slotKnown | slotDeleted)
	if delta == (Counts{}) && flags == oldFlags {
		return
	}
	v.changes(number, s)
	if v.keepChanges && delta != (Counts{}) {
		v.changed = append(v.changed, VideoChange{v.ID(number), delta})
	}
	after := at.Packed()<<slotFlags | flags
	if !visible(oldFlags) && !visible(flags) && oldFlags&slotDeleted == flags&slotDeleted {
		after = before&^(slotKnown|slotDeleted) | flags
	}
	s.state.Store(before | slotBusy)
	for c, d := range delta {
		if d != 0 {
			s.counts[c].Store(s.counts[c].Load() + d)
		}
	}
	s.state.Store(after)
}

// changes notes that a slot is about to change: the checkpoint under way gets it
// as it is now, the next one as it will be. It comes before every change.
func (v *Videos) changes(number uint32, s *slot) {
	if !v.dirty.add(number) {
		return
	}
	old := s.digest()
	v.digest -= old
	if v.capture != nil {
		v.capture.keep(number, s, old)
	}
}

func visible(flags uint64) bool { return flags&(slotKnown|slotDeleted) == slotKnown }

func (v *Videos) flags(number uint32) uint64 {
	return v.slot(number).state.Load() & (slotKnown | slotDeleted)
}

func (s *slot) digest() uint64 {
	d := digestStart(tableVideos).word(s.hi).word(s.lo).word(s.state.Load())
	for c := range s.counts {
		d = d.word(uint64(s.counts[c].Load()))
	}
	return d.sum()
}
