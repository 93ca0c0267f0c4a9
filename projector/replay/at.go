package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Counted is what a video counted at some position.
type Counted struct {
	Video string `json:"video_id"`
	Counters
	// Known is false for a video that nobody had seen yet; the counters of a
	// deleted one were hidden.
	Known   bool `json:"known"`
	Deleted bool `json:"deleted"`
}

// CountsAt is what videos counted at one position.
type CountsAt struct {
	Span    Span      `json:"span"`
	Reading Reading   `json:"reading"`
	Videos  []Counted `json:"videos"`
}

// CountsBetween is what videos counted at two positions.
type CountsBetween struct {
	From    Span    `json:"from"`
	To      Span    `json:"to"`
	Reading Reading `json:"reading"`
	// Videos holds, for each, what it counted then, and by how much that moved.
	Videos []Moved `json:"videos"`
}

// Moved is a video at two positions.
type Moved struct {
	Video  string   `json:"video_id"`
	Before Counted  `json:"before"`
	After  Counted  `json:"after"`
	Change Counters `json:"change"`
}

// At returns what videos counted at a point, from the nearest snapshot and the
// log behind it.
func At(ctx context.Context, s Source, at Point, videos []events.VideoID, o Options) (*CountsAt, error) {
	result := &CountsAt{}
	err := o.stops(ctx, s, []Point{at}, videos, func(_ int, span Span, m *readmodel.Model) {
		result.Span, result.Videos = span, countedAll(m, videos)
	})
	result.Reading = o.reading
	return result, err
}

// Diff returns what videos counted at two points, and by how much that moved in
// between.
func Diff(ctx context.Context, s Source, from, to Point, videos []events.VideoID, o Options) (*CountsBetween, error) {
	result := &CountsBetween{Videos: make([]Moved, len(videos))}
	err := o.stops(ctx, s, []Point{from, to}, videos, func(n int, span Span, m *readmodel.Model) {
		for i, c := range countedAll(m, videos) {
			v := &result.Videos[i]
			if v.Video = c.Video; n == 0 {
				v.Before = c
			} else {
				v.After, v.Change = c, c.Counters.Sub(v.Before.Counters)
			}
		}
		if n == 0 {
			result.From = span
		} else {
			result.To = span
		}
	})
	result.Reading = o.reading
	return result, err
}

func countedAll(m *readmodel.Model, videos []events.VideoID) []Counted {
	all := make([]Counted, len(videos))
	for i, id := range videos {
		all[i] = counted(m, id)
	}
	return all
}

func counted(m *readmodel.Model, id events.VideoID) Counted {
	c := Counted{Video: id.String()}
	if number, ok := m.Videos.Find(id); ok {
		var slot readmodel.Slot
		m.Videos.Read(number, &slot)
		c.Counters, c.Known, c.Deleted = countersOf(slot.Counts), slot.Known(), slot.Deleted()
	}
	return c
}

// atStop is called with the model at the n-th of some points, and again where
// a fold had to begin anew: what it is told last stands.
type atStop func(n int, span Span, m *readmodel.Model)

// ErrOrder is returned where one point should not lie after another and does.
var ErrOrder = errors.New("points are in the wrong order")

// stops calls stop with the model at each of the points, which go up. Without
// videos the model holds everything; with them at least what bears on those.
func (o *Options) stops(ctx context.Context, s Source, points []Point, videos []events.VideoID, stop atStop) error {
	ends := make([]uint64, len(points))
	for i, p := range points {
		end, err := p.Find(ctx, s)
		if err != nil {
			return err
		}
		if ends[i] = end; i > 0 && end < ends[i-1] {
			return fmt.Errorf("%w: message %d comes after message %d", ErrOrder, ends[i-1], end)
		}
	}
	nearest, room, err := o.nearestInRoom(ctx, s, ends[0], len(videos) > 0)
	if err != nil {
		return err
	}
	defer nearest.Close()
	if err := nearest.standsFor(ctx, s, points[0]); err != nil {
		return err
	}
	if nearest.model == nil && len(videos) > 0 {
		return o.stopsOfClosure(ctx, s, ends, videos, stop)
	}
	if nearest.model == nil {
		if err := wholeUpTo(ctx, s, ends[len(ends)-1]); err != nil {
			return err
		}
		nearest.model = readmodel.New(o.Model)
	}
	o.reading.Way = WayScan
	f := inRoom(room, projector.NewFold(nearest.model, projector.FoldOptions{}))
	next := nearest.at + 1
	for i, end := range ends {
		if err := o.pass(ctx, s, f, next, end, nil); err != nil {
			return err
		}
		next = max(next, end+1)
		stop(i, Span{First: nearest.at + 1, Last: end, Snapshot: nearest.at, LogTime: f.Model().LogTime()}, f.Model())
	}
	return nil
}

// nearestInRoom returns the nearest snapshot if its model fits into memory, and the room
// that was reserved for it. Where only some videos are asked for, what bears on them
// alone is folded else.
func (o *Options) nearestInRoom(ctx context.Context, s Source, upTo uint64, narrow bool) (*nearest, *Room, error) {
	beside := uint64(lookBytes)
	if !narrow {
		beside += o.Memory.slots() // of the first point
	}
	room, release, err := o.reserve(1, beside, insteadOfMovers)
	switch {
	case err == nil:
	case narrow:
		return &nearest{}, nil, nil
	default:
		return nil, nil, err
	}
	b, err := o.nearest(ctx, s, upTo)
	if err != nil || b.model == nil && narrow {
		release() // what bears on them alone has a room of its own
		return b, nil, err
	}
	b.release = release
	return b, room, nil
}

// insteadOfMovers is what to do where a ranking, which folds everything, does not fit.
const insteadOfMovers = "name the videos, so that only what bears on them is folded, or run this where there is more"

// stopsOfClosure is stops for what bears on some videos alone.
func (o *Options) stopsOfClosure(ctx context.Context, s Source, ends []uint64, videos []events.VideoID, stop atStop) error {
	defer o.narrow()()
	entities := make([]Entity, len(videos))
	for i, id := range videos {
		entities[i] = Video(id)
	}
	last := ends[len(ends)-1]
	if err := wholeUpTo(ctx, s, last); err != nil {
		return err
	}
	var reached int // in the present pass
	reach := func(f *projector.Fold, seq uint64) {
		for reached < len(ends) && ends[reached] < seq {
			stop(reached, Span{First: 1, Last: ends[reached], LogTime: f.Model().LogTime()}, f.Model())
			reached++
		}
	}
	c := closing{
		Options: o, source: s, entities: entities, to: last,
		begin:  func(*projector.FoldOptions) { reached = 0 },
		before: func(f *projector.Fold, m *eventlog.Message) { reach(f, m.Seq) },
	}
	f, err := c.fold(ctx)
	if err != nil {
		return err
	}
	reach(f, last+1)
	return nil
}

// wholeUpTo fails with ErrGap if the source does not hold the log from its
// beginning up to a message.
func wholeUpTo(ctx context.Context, s Source, last uint64) error {
	first, end, err := s.Bounds(ctx)
	if err == nil && first > 1 && last > 0 {
		return &GapError{Need: 1, First: first, Last: end}
	}
	return err
}
