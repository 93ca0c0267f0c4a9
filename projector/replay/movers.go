package replay

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// MostMoved are the videos whose counter moved most between two positions.
type MostMoved struct {
	From    Span    `json:"from"`
	To      Span    `json:"to"`
	Reading Reading `json:"reading"`
	By      string  `json:"by"`
	// Videos are ordered by how far the counter went, up or down; Total is how many moved at all.
	Videos []Moved `json:"videos"`
	Total  int     `json:"total"`
}

// counterNames are what a ranking is asked for by.
var counterNames = [events.CounterCount]string{"views", "likes", "comments", "remixes", "glitches"}

// ErrCounter is returned for a name that no counter has.
var ErrCounter = errors.New("names no counter: use views, likes, comments, remixes or glitches")

// ParseCounter finds the counter of that name.
func ParseCounter(name string) (events.Counter, error) {
	if c := slices.Index(counterNames[:], name); c >= 0 {
		return events.Counter(c), nil
	}
	return 0, ErrCounter
}

// Movers returns the videos whose counter moved most between two points, at
// most top of them. It folds everything, into a model of the size of the live one.
func Movers(ctx context.Context, s Source, from, to Point, by events.Counter, top int, o Options) (*MostMoved, error) {
	result := &MostMoved{By: counterNames[by], Videos: []Moved{}}
	var before []readmodel.Slot
	err := o.stops(ctx, s, []Point{from, to}, nil, func(n int, span Span, m *readmodel.Model) {
		if n == 0 {
			result.From, before = span, slotsOf(m)
			return
		}
		result.To = span
		result.rank(m, before, by, top)
	})
	result.Reading = o.reading
	return result, err
}

// slotsOf copies what all videos count, by their numbers.
func slotsOf(m *readmodel.Model) []readmodel.Slot {
	slots := make([]readmodel.Slot, m.Videos.Len())
	for number := range slots {
		m.Videos.Read(uint32(number), &slots[number])
	}
	return slots
}

// rank picks the videos that moved most. Of two that moved as far, the one
// that was seen first comes first.
func (r *MostMoved) rank(m *readmodel.Model, before []readmodel.Slot, by events.Counter, top int) {
	type moved struct {
		number uint32
		far    int64
	}
	var list []moved
	for number := range uint32(m.Videos.Len()) {
		var then, now readmodel.Slot
		m.Videos.Read(number, &now)
		if int(number) < len(before) {
			then = before[number]
		}
		far := now.Counts[by] - then.Counts[by]
		if far == 0 || !now.Known() {
			continue
		}
		r.Total++
		list = append(list, moved{number, max(far, -far)})
		if len(list) > 4*top+1024 {
			slices.SortStableFunc(list, func(a, b moved) int { return cmp.Compare(b.far, a.far) })
			list = list[:top]
		}
	}
	slices.SortStableFunc(list, func(a, b moved) int { return cmp.Compare(b.far, a.far) })
	for _, v := range list[:min(top, len(list))] {
		id := m.Videos.ID(v.number)
		change := Moved{Video: id.String(), After: counted(m, id)}
		change.Before.Video = change.Video
		if int(v.number) < len(before) {
			then := &before[v.number]
			change.Before.Counters, change.Before.Known, change.Before.Deleted = countersOf(then.Counts), then.Known(), then.Deleted()
		}
		change.Change = change.After.Counters.Sub(change.Before.Counters)
		r.Videos = append(r.Videos, change)
	}
}
