package readmodel

import "github.com/tidemark-io/tidemark/events"

// viewsAtOnce is how many views AddViews looks up before it counts the first:
// so many cache misses overlap, and what they bring stays in the first cache.
const viewsAtOnce = 64

// AddViews counts views of the present record batch, each at its own position
// as Step and AddView would.
func (m *Model) AddViews(views []events.View) {
	var numbers [viewsAtOnce]uint32
	for len(views) > 0 {
		some := views[:min(len(views), viewsAtOnce)]
		m.Videos.internViews(some, &numbers)
		for i := range some {
			m.at.Index = some[i].Index
			m.Videos.addView(numbers[i], m.at)
			m.Trending.add(ByViews, numbers[i], some[i].Time, 1)
		}
		m.folded += uint64(len(some))
		views = views[len(some):]
	}
}

// internViews finds the numbers of the views' videos in three passes over
// memory, as Lookup does, giving one to each that has none.
func (v *Videos) internViews(views []events.View, numbers *[viewsAtOnce]uint32) {
	var (
		hashes [viewsAtOnce]uint64
		where  [viewsAtOnce]*cells
		known  [viewsAtOnce]bool
	)
	directory := v.index.directory.Load()
	for i := range views {
		hash := v.index.hash(words(views[i].Video))
		hashes[i], where[i] = hash, directory.at(hash)
		where[i].touch(hash)
	}
	for i := range views {
		if numbers[i], _, known[i] = where[i].candidate(hashes[i], 0); known[i] {
			v.slot(numbers[i]).state.Load()
		}
	}
	for i := range views {
		// A video that is new here may be in the table by now: intern looks again.
		if !known[i] || !v.slot(numbers[i]).is(views[i].Video) {
			numbers[i] = v.intern(views[i].Video)
		}
	}
}

// addView is change for the commonest of all: one view more. Writer only, once
// per slot and position.
func (v *Videos) addView(number uint32, at events.Position) {
	s := v.slot(number)
	before := s.state.Load()
	if before&(slotKnown|slotDeleted) != slotKnown {
		v.change(number, Counts{events.Views: 1}, before&slotDeleted|slotKnown, at)
		return
	}
	v.changes(number, s)
	s.state.Store(before | slotBusy)
	s.counts[events.Views].Store(s.counts[events.Views].Load() + 1)
	s.state.Store(at.Packed()<<slotFlags | slotKnown)
}
