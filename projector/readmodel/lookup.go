package readmodel

import (
	"encoding/binary"
	"unsafe"

	"github.com/tidemark-io/tidemark/events"
)

// Lookup reads the slots of many videos in passes over memory, so that cache
// misses overlap: the first asks for all index cells, the second for all slots,
// and only the third reads a slot. It fills found[i] with whether ids[i] is in
// the table, and slots[i] where it is, and returns the position of the newest
// change among those. The three slices have one length.
//
// Each pass is a function of its own: what a pass keeps at hand then fits into
// the processor's registers.
func (v *Videos) Lookup(ids []events.VideoID, slots []Slot, found []bool) (newest events.Position) {
	for {
		mends := v.mends.Load()
		if newest = v.lookup(ids, slots, found); v.mends.Load() == mends {
			return newest
		}
	}
}

func (v *Videos) lookup(ids []events.VideoID, slots []Slot, found []bool) events.Position {
	var p probes
	packed := uint64(0)
	for start := 0; start < len(ids); start += len(p.hashes) {
		end := min(start+len(p.hashes), len(ids))
		p.begin(v.index, ids[start:end])
		p.findSlots(v, end-start)
		packed = max(packed, p.read(v, ids[start:end], slots[start:end], found[start:end]))
	}
	return events.UnpackPosition(packed)
}

// probes is a search for some keys at a time.
type probes struct {
	hashes [32]uint64
	where  [32]*cells
	// numbers are those of the first candidates, noNumber where there is none.
	numbers [32]uint32
	// lines are addresses for prefetch, and nothing else.
	lines [32]uintptr
}

const noNumber = ^uint32(0)

// begin asks for the cells where the searches begin.
func (p *probes) begin(x *index, ids []events.VideoID) {
	d, n := x.directory.Load(), min(len(ids), len(p.hashes))
	for i := range n {
		p.aim(i, d, x.hash(binary.BigEndian.Uint64(ids[i][:8]), binary.BigEndian.Uint64(ids[i][8:])))
	}
	prefetch(&p.lines[0], n)
}

// aim finds out where the i-th search begins.
func (p *probes) aim(i int, d *directory, hash uint64) {
	c := d.at(hash)
	p.hashes[i], p.where[i], p.lines[i] = hash, c, c.line(hash)
}

// findSlots asks for the slots of the first candidates. Of five searches four
// end in the first two cells: those are looked at without a branch between
// them, which a processor would guess wrong.
func (p *probes) findSlots(v *Videos, n int) {
	chunks := *v.chunks.Load()
	for i := range min(n, len(p.hashes)) {
		c, hash := p.where[i], p.hashes[i]
		cell, second := c[place(tagOf(hash), 0)].Load(), c[place(tagOf(hash), 1)].Load()
		same := uint64(int64((cell^hash)>>32-1) >> 63) // all ones, or zero
		cell = second ^ (second^cell)&same
		number := uint32(cell) - 1
		if cell>>32 != hash>>32 || uint32(cell) == 0 {
			var ok bool
			if number, _, ok = c.candidate(hash, 0); !ok {
				p.numbers[i] = noNumber
				continue
			}
		}
		if int(number>>chunkBits) >= len(chunks) {
			number, chunks = v.reach(number)
		}
		p.numbers[i] = number
		p.lines[i] = uintptr(unsafe.Pointer(&chunks[number>>chunkBits][number&(chunkSize-1)]))
		prefetch(&p.lines[i], 1)
	}
}

// reach returns the chunks where the fold has begun one since. Where the number lies in none
// of them its cell was damaged: then it is slot 0, and read, which sees that this is another
// video's, searches on. It stands apart, so that who never needs it keeps its registers.
//
//go:noinline
func (v *Videos) reach(number uint32) (uint32, []*videoChunk) {
	chunks := *v.chunks.Load()
	if int(number>>chunkBits) >= len(chunks) {
		number = 0
	}
	return number, chunks
}

// read reads the slots that were asked for, and returns the newest position, packed.
func (p *probes) read(v *Videos, ids []events.VideoID, slots []Slot, found []bool) (newest uint64) {
	slots, found = slots[:len(ids)], found[:len(ids)]
	for i := range ids {
		if found[i] = p.numbers[i] != noNumber; !found[i] {
			continue
		}
		s := v.slot(p.numbers[i])
		if !s.is(&ids[i]) {
			// Another video with the same tag.
			if s = v.find(ids[i]); s == nil {
				found[i] = false
				continue
			}
		}
		into := &slots[i]
		into.state = s.state.Load()
		if s.load(&into.Counts); into.state&slotBusy != 0 || s.state.Load() != into.state {
			s.read(into) // the fold is writing it
		}
		newest = max(newest, into.state>>slotFlags)
	}
	return newest
}

// is reports whether the slot is the video's.
func (s *slot) is(id *events.VideoID) bool {
	return s.hi == binary.BigEndian.Uint64(id[:8]) && s.lo == binary.BigEndian.Uint64(id[8:])
}

// find returns the slot of a video, nil if it has none.
func (v *Videos) find(id events.VideoID) *slot {
	if number, ok := v.Find(id); ok {
		return v.slot(number)
	}
	return nil
}
