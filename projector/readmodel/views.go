package readmodel

import (
	"encoding/binary"

	"github.com/tidemark-io/tidemark/events"
)

// AddViews counts views of the present record batch, each at its own position
// as Step and AddView would. Some are looked up before the first is counted: so
// many cache misses overlap, and what they bring stays in the first cache.
func (m *Model) AddViews(views []events.View) {
	var p probes
	for len(views) > 0 {
		some := views[:min(len(views), len(p.numbers))]
		p.internViews(m.Videos, some)
		for i := range some {
			m.at.Index = some[i].Index
			m.Videos.addView(p.numbers[i], m.at)
			m.Trending.add(ByViews, p.numbers[i], some[i].Time, 1)
		}
		m.folded += uint64(len(some))
		views = views[len(some):]
	}
}

// internViews finds the numbers of the views' videos, giving one to each that
// has none.
func (p *probes) internViews(v *Videos, views []events.View) {
	d := v.index.directory.Load()
	for i := range min(len(views), len(p.hashes)) {
		id := &views[i].Video
		p.aim(i, d, v.index.hash(binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])))
	}
	prefetch(&p.lines[0], len(views))
	p.findSlots(v, len(views))
	for i := range views {
		// A video that is new here may be in the table by now: intern looks again.
		if n := p.numbers[i]; n == noNumber || !v.slot(n).is(&views[i].Video) {
			p.numbers[i] = v.intern(views[i].Video)
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
