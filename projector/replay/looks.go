package replay

import (
	"context"
	"slices"

	"github.com/tidemark-io/tidemark/events"
)

// The kinds of runs that look back. They change nothing.
const (
	KindExplain Kind = "explain" // tell a number by its events
	KindAt      Kind = "at"      // tell what counts were
	KindDiff    Kind = "diff"    // tell how counts moved between two points
	KindReport  Kind = "report"  // tell what counts were, or would be without some users
)

// looks are the kinds that look back.
var looks = []Kind{KindExplain, KindAt, KindDiff, KindReport}

// AtRequest asks for CountsAt.
type AtRequest struct {
	At     Point            `json:"at"`
	Videos []events.VideoID `json:"-"`
}

// DiffRequest asks for CountsBetween of some videos or, without videos, for the
// MostMoved.
type DiffRequest struct {
	From   Point            `json:"from"`
	To     Point            `json:"to"`
	Videos []events.VideoID `json:"-"`
	By     events.Counter   `json:"-"`
	Top    int              `json:"top,omitempty"`
}

// look returns what folds that look back have in common.
func (r *Runs) look(kind Kind, m *Meter) Options {
	return Options{
		Model: r.cfg.Projector.ModelConfig(), Snapshots: r.cfg.Snapshots, Index: r.cfg.Index, Meter: m,
		Memory: r.cfg.Memory, Who: string(kind),
	}
}

// StartExplain explains an entity. Its result is an *Explanation.
func (r *Runs) StartExplain(_ context.Context, order Order, q ExplainRequest) (RunID, error) {
	return r.Start(KindExplain, order.Asking(q, q.Entity.ID), func(ctx context.Context, m *Meter) (any, error) {
		x, err := Explain(ctx, r.cfg.Source, q, r.look(KindExplain, m))
		return result(x, err)
	})
}

// StartAt tells what videos counted at a point. Its result is a *CountsAt.
func (r *Runs) StartAt(_ context.Context, order Order, q AtRequest) (RunID, error) {
	return r.Start(KindAt, order.Asking(q, idsOf(q.Videos)...), func(ctx context.Context, m *Meter) (any, error) {
		c, err := At(ctx, r.cfg.Source, q.At, q.Videos, r.look(KindAt, m))
		return result(c, err)
	})
}

// StartDiff tells how counts moved. Its result is a *CountsBetween or, without
// videos, a *MostMoved; that fails with ErrMemory where a second model does not
// fit.
func (r *Runs) StartDiff(_ context.Context, order Order, q DiffRequest) (RunID, error) {
	asked := struct {
		DiffRequest
		By string `json:"by,omitempty"`
	}{DiffRequest: q}
	if len(q.Videos) == 0 {
		asked.By = counterNames[q.By]
	}
	var room *Room
	reserve := func(who string) (_ *Room, err error) {
		if len(q.Videos) == 0 {
			room, err = r.cfg.Memory.models(who, 1, lookBytes+r.cfg.Memory.slots(), insteadOfMovers)
		}
		return room, err
	}
	return r.startIn(reserve, KindDiff, order.Asking(asked, idsOf(q.Videos)...), func(ctx context.Context, m *Meter) (any, error) {
		if len(q.Videos) == 0 {
			o := r.look(KindDiff, m)
			o.room = room
			moved, err := Movers(ctx, r.cfg.Source, q.From, q.To, q.By, q.Top, o)
			return result(moved, err)
		}
		c, err := Diff(ctx, r.cfg.Source, q.From, q.To, q.Videos, r.look(KindDiff, m))
		return result(c, err)
	})
}

// StartReport folds into a model that is thrown away. Its result is a
// *Reported. It fails with ErrMemory where that model does not fit.
func (r *Runs) StartReport(ctx context.Context, order Order, q ReportRequest) (RunID, error) {
	source, read, err := r.behind(ctx, q.FromExports)
	if err != nil {
		return "", err
	}
	var room *Room
	reserve := func(who string) (_ *Room, err error) {
		if len(q.Only) == 0 {
			room, err = r.reserve(who, q.OnDisk, q.models(), lookBytes, readingMemory(read), insteadOfReport)
		}
		return room, err
	}
	what, about := q.asked()
	return r.startIn(reserve, KindReport, order.Asking(what, about...), func(ctx context.Context, m *Meter) (any, error) {
		o := r.look(KindReport, m)
		if o.room = room; q.OnDisk {
			o.OnDisk = r.cfg.Projector.NewScratch
		}
		reported, err := Report(ctx, source, q, o)
		return result(reported, err)
	})
}

// idsOf are videos as targets of an entry of the audit.
func idsOf(videos []events.VideoID) (ids [][16]byte) {
	for _, id := range videos {
		ids = append(ids, id)
	}
	return ids
}

// asked is what is asked for, and whom and what it is about.
func (q *ReportRequest) asked() (what any, about [][16]byte) {
	for id := range q.ExcludeUsers {
		about = append(about, id)
	}
	slices.SortFunc(about, func(x, y [16]byte) int { return slices.Compare(x[:], y[:]) })
	for _, e := range q.Only {
		about = append(about, e.ID)
	}
	return struct {
		Until        Point    `json:"until,omitzero"`
		Only         int      `json:"only,omitempty"`
		ExcludeUsers int      `json:"exclude_users,omitempty"`
		FromExports  []string `json:"from_export,omitempty"`
		OnDisk       bool     `json:"on_disk,omitempty"`
	}{q.Until, len(q.Only), len(q.ExcludeUsers), q.FromExports, q.OnDisk}, about
}

// result keeps a nil pointer from becoming a result.
func result[T any](found *T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return found, nil
}
