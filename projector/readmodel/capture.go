package readmodel

import (
	"encoding/binary"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// capture takes the changed slots of a checkpoint as they were at its position,
// while the fold goes on. Each slot is taken once, by whoever comes first: the
// checkpoint's writer on its way through the table, or the fold before it changes
// the slot. So no one waits for the table to be copied.
type capture struct {
	videos *Videos
	// bits are the slots still to be taken.
	bits []uint64
	// at is the word of bits whose slots the writer is copying; -1 when it is not.
	at atomic.Int64
	// sum is the digest of the slots that were taken.
	sum atomic.Uint64

	mu   sync.Mutex
	kept []keptSlot // taken by the fold
}

type keptSlot struct {
	number uint32
	words  slotWords
}

// slotWords is a slot as it lies in memory and in files.
type slotWords [slotBytes / 8]uint64

const slotBytes = 64

func newCapture(v *Videos, dirty []uint64) *capture {
	c := &capture{videos: v, bits: dirty}
	c.at.Store(-1)
	return c
}

// keep is called by the fold before it changes a slot for the first time since
// the freeze. digest is the slot's.
func (c *capture) keep(number uint32, s *slot, digest uint64) {
	word, bit := int(number>>6), uint64(1)<<(number&63)
	if word >= len(c.bits) {
		return
	}
	if atomic.LoadUint64(&c.bits[word])&bit != 0 {
		words := s.words() // not under the lock: memory in a file may fault
		c.mu.Lock()
		if atomic.AndUint64(&c.bits[word], ^bit)&bit != 0 {
			c.kept = append(c.kept, keptSlot{number, words})
			c.sum.Add(digest)
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
	}
	// The writer announces the word before it clears its bits, so who finds a
	// bit cleared finds the word announced, or its slots copied.
	for c.at.Load() == int64(word) {
		runtime.Gosched()
	}
}

// rest takes all that is left, in the fold.
func (c *capture) rest() {
	for word := range c.bits {
		for left := atomic.LoadUint64(&c.bits[word]); left != 0; left &= left - 1 {
			number := uint32(word<<6 + bits.TrailingZeros64(left))
			s := c.videos.slot(number)
			c.keep(number, s, s.digest())
		}
		for c.at.Load() == int64(word) {
			runtime.Gosched()
		}
	}
}

// take copies the slots from number from to before to that nobody has taken, as
// the body of a delta, and says how many there were. The body is made at its
// size: growing it took four times as long as all the rest of a checkpoint.
func (c *capture) take(from, to uint32) (body []byte, n uint32) {
	left := c.left(from, to)
	if left == 0 {
		return nil, 0
	}
	body = make([]byte, 0, left*deltaSlotSize)
	defer c.at.Store(-1) // also after a fault, or the fold would wait for ever
	for word := int(from >> 6); word < len(c.bits) && word<<6 < int(to); word++ {
		mask := wordMask(word, from, to)
		if atomic.LoadUint64(&c.bits[word])&mask == 0 {
			continue
		}
		c.at.Store(int64(word))
		taken := atomic.AndUint64(&c.bits[word], ^mask) & mask
		sum := uint64(0)
		for left := taken; left != 0; left &= left - 1 {
			number := uint32(word<<6 + bits.TrailingZeros64(left))
			w := c.videos.slot(number).words()
			sum += w.digest()
			body = appendDelta(body, number, &w)
			n++
		}
		c.sum.Add(sum)
		c.at.Store(-1)
	}
	return body, n
}

// left counts the slots from number from to before to that nobody has taken yet.
func (c *capture) left(from, to uint32) (n int) {
	for word := int(from >> 6); word < len(c.bits) && word<<6 < int(to); word++ {
		n += bits.OnesCount64(atomic.LoadUint64(&c.bits[word]) & wordMask(word, from, to))
	}
	return n
}

// wordMask says which bits of a word of the set are from number from to before to.
func wordMask(word int, from, to uint32) uint64 {
	mask := ^uint64(0)
	first := uint32(word) << 6
	if from > first {
		mask <<= from - first
	}
	if to < first+64 {
		mask &= 1<<(to-first) - 1
	}
	return mask
}

// takeKept returns what the fold took, by number; nobody takes any more when
// take has gone through the whole table.
func (c *capture) takeKept() []keptSlot {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.kept
	slices.SortFunc(kept, func(a, b keptSlot) int { return int(a.number) - int(b.number) })
	return kept
}

// deltaSlotSize is the size of one slot in a delta: its number and its words.
const deltaSlotSize = 4 + slotBytes

func appendDelta(dst []byte, number uint32, w *slotWords) []byte {
	return appendWords(binary.LittleEndian.AppendUint32(dst, number), w)
}

func appendWords(dst []byte, w *slotWords) []byte {
	for _, word := range w {
		dst = binary.LittleEndian.AppendUint64(dst, word)
	}
	return dst
}

// words reads the slot, whole if the fold does not change it meanwhile.
func (s *slot) words() (w slotWords) {
	w[0], w[1], w[2] = s.hi, s.lo, s.state.Load()
	for c := range s.counts {
		w[3+c] = uint64(s.counts[c].Load())
	}
	return w
}

func (w *slotWords) digest() uint64 {
	d := digestStart(tableVideos)
	for _, word := range w {
		d = d.word(word)
	}
	return d.sum()
}

// raw is the slot as words, for who has it alone.
func (s *slot) raw() *slotWords { return (*slotWords)(unsafe.Pointer(s)) }
