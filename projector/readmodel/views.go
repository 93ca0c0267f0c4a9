package readmodel

import "github.com/tidemark-io/tidemark/events"

// AddViews counts views of the present record batch, each at its own position
// as Step and AddView would.
func (m *Model) AddViews(views []events.View) {
	for i := range views {
		v := &views[i]
		m.at.Index = v.Index
		m.reach(v.Index)
		number := m.video(v.Video)
		m.Videos.addView(number, m.at)
		m.Trending.add(ByViews, number, v.Time, 1)
	}
	m.folded += uint64(len(views))
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
