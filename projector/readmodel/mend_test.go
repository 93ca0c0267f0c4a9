package readmodel

import (
	"sync"
	"testing"

	"github.com/tidemark-io/tidemark/events"
)

// A mended slot has the state word that it had before, since no event has changed
// it: a reader that was in the middle of it must notice all the same.
func TestReadersOfASlotThatIsMendedFindItWhole(t *testing.T) {
	const reads = 30_000 // of each reader, while the slot is mended without a pause
	at, ids := events.Position{Seq: 7}, []events.VideoID{numberedID(1)}
	v := newVideos(nil)
	number := v.intern(ids[0])
	v.change(number, Counts{1, 1, 1, 1, 1}, slotKnown, at)
	wrong := v.slot(number).words()
	right := wrong
	for c := range events.CounterCount {
		right[3+c] = 1 << 40
	}
	var reading sync.WaitGroup
	read := func(one func(into *Slot)) {
		reading.Go(func() {
			for s, n := (Slot{}), 0; n < reads && !t.Failed(); n++ {
				one(&s)
				for _, n := range s.Counts {
					if n != s.Counts[0] || s.Changed() != at {
						t.Errorf("torn: %v, changed at %v", s.Counts, s.Changed())
					}
				}
			}
		})
	}
	read(func(into *Slot) { v.Read(number, into) })
	read(func(into *Slot) {
		slots, found := [1]Slot{}, [1]bool{}
		v.Lookup(ids, slots[:], found[:])
		*into = slots[0]
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		reading.Wait()
	}()
	for {
		for range 64 {
			v.overwrite(number, right)
			v.overwrite(number, wrong)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
