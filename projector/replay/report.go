package replay

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// ReportRequest says what a report folds, and what it leaves out.
type ReportRequest struct {
	// Until is where the report ends; the zero point is the end of the source.
	Until Point
	// Only, where it names something, narrows the report to what bears on that.
	Only []Entity
	// ExcludeUsers are the users without whose events the counts are asked for.
	ExcludeUsers map[events.UserID]bool
	// Limit bounds the videos that are listed; 0 for 1,000.
	Limit int
	// OnDisk folds on disk, with little memory.
	OnDisk bool
	// FromExports: see RebuildOptions.
	FromExports []string
}

// Reported is what a fold that never serves came to.
type Reported struct {
	Span    Span    `json:"span"`
	Reading Reading `json:"reading"`
	// Excluded counts the events that were left out.
	Excluded uint64 `json:"excluded_events"`
	// Videos counts the videos that the fold knows; Totals adds their counters up.
	Videos int      `json:"videos"`
	Totals Counters `json:"totals"`
	// Digest sums up the whole state; equal folds have equal digests.
	Digest string `json:"digest"`
	// Differences are the videos that differ from a fold of everything up to
	// the same position, where something was excluded; Differing is how many there
	// are. Without exclusion they are those that Only names.
	Differences []Moved `json:"differences"`
	Differing   int     `json:"differing"`
}

const defaultReported = 1000

// models is how many models of everything the report folds: one with all events beside
// the one without those of the users excluded.
func (q *ReportRequest) models() int {
	if len(q.ExcludeUsers) > 0 {
		return 2
	}
	return 1
}

// insteadOfReport is what to do where the models of a report do not fit.
const insteadOfReport = "narrow it down (--only video:ID), fold on disk (--on-disk), or run this where there is more"

// Report folds a source up to a point into a model that is thrown away: what
// counts were then, or would be without some accounts. It holds one model of
// everything that it folds, and a second one where something is excluded.
func Report(ctx context.Context, s Source, q ReportRequest, o Options) (result *Reported, err error) {
	q.Limit = cmp.Or(q.Limit, defaultReported)
	span, err := full(ctx, s, q.Until)
	if err != nil {
		return nil, err
	}
	r := &reporting{ReportRequest: &q, result: &Reported{Span: span, Differences: []Moved{}}}
	if len(q.ExcludeUsers) > 0 {
		o.Index = nil // nobody knows what the fold that serves would have made of the rest
	}
	if len(q.Only) > 0 {
		o.OnDisk = nil // little is held
		defer o.narrow()()
	} else {
		room, release, err := o.reserve(q.models(), lookBytes, insteadOfReport)
		if err != nil {
			return nil, err
		}
		defer release()
		o.room = room
	}
	r.options = &o
	defer func() { err = errors.Join(err, r.close()) }()
	f, err := r.fold(ctx, s, span.Last)
	if err == nil {
		err = r.err
	}
	if err != nil {
		return nil, err
	}
	r.result.Reading = o.reading
	return r.result, f.Guard(func() error {
		r.finish(f.Model())
		return nil
	})
}

// fold folds what the report is of.
func (r *reporting) fold(ctx context.Context, s Source, last uint64) (Folding, error) {
	if len(r.Only) > 0 {
		c := closing{Options: r.options, source: s, entities: r.Only, to: last, begin: r.begin, before: func(_ *projector.Fold, m *eventlog.Message) { r.message(m) }}
		f, err := c.fold(ctx)
		return &inMemory{Fold: f}, err
	}
	var options projector.FoldOptions
	if r.begin(&options); r.err != nil {
		return nil, r.err
	}
	f, err := r.options.fold(options)
	if err != nil {
		return nil, err
	}
	r.opened(f)
	return f, r.options.pass(ctx, s, f, 1, last, r.message)
}

// opened notes a fold to be closed: those in memory are the collector's.
func (r *reporting) opened(f Folding) {
	if r.options.OnDisk != nil {
		r.folds = append(r.folds, f)
	}
}

// close lets go of folds on disk.
func (r *reporting) close() (err error) {
	for _, f := range r.folds {
		err = errors.Join(err, f.Close())
	}
	return err
}

// reporting is a report under way.
type reporting struct {
	*ReportRequest
	options *Options
	result  *Reported
	// all is the fold with nothing excluded; nil where nothing is.
	all   Folding
	folds []Folding // on disk, to be closed
	err   error
	named named
}

// begin sets up the options of the fold that leaves something out, and the
// other fold beside it.
func (r *reporting) begin(options *projector.FoldOptions) {
	r.result.Excluded = 0
	if len(r.ExcludeUsers) == 0 {
		return
	}
	only := options.Only
	if r.all, r.err = r.options.fold(projector.FoldOptions{Only: only}); r.err != nil {
		return
	}
	r.opened(r.all)
	options.Only = func(e *events.Event) bool {
		if only != nil && !only(e) {
			return false
		}
		if r.theirs(e) {
			r.result.Excluded++
			return false
		}
		return true
	}
}

// message folds a message into the fold of everything.
func (r *reporting) message(m *eventlog.Message) {
	if r.all != nil && r.err == nil {
		r.err = r.all.Message(*m)
	}
}

// theirs reports whether an event is an excluded user's own doing. What others
// did to them, be it an administrator's block, is not.
func (r *reporting) theirs(e *events.Event) bool {
	if ofAccount(e.Type) || r.named.read(e) != nil {
		return false
	}
	if e.Type == events.TypeNotificationSent {
		return r.ExcludeUsers[r.named.other]
	}
	return !r.named.user.IsZero() && r.ExcludeUsers[r.named.user]
}

func (r *reporting) finish(m *readmodel.Model) {
	result := r.result
	result.Span.LogTime, result.Digest = m.LogTime(), m.Digest().String()
	for number := range uint32(m.Videos.Len()) {
		var slot readmodel.Slot
		if m.Videos.Read(number, &slot); slot.Known() {
			result.Videos++
			result.Totals = result.Totals.Add(countersOf(slot.Counts))
		}
	}
	if r.all == nil {
		for _, e := range r.Only {
			if e.Kind == KindVideo {
				now := counted(m, e.ID)
				r.differ(Moved{Video: now.Video, Before: now, After: now})
			}
		}
		return
	}
	all := r.all.Model()
	for number := range uint32(all.Videos.Len()) {
		r.compare(all, m, all.Videos.ID(number))
	}
	for number := range uint32(m.Videos.Len()) {
		// Its only events may have been repeats of what is left out.
		if id := m.Videos.ID(number); !knows(all, id) {
			r.compare(all, m, id)
		}
	}
}

func knows(m *readmodel.Model, id events.VideoID) bool {
	_, ok := m.Videos.Find(id)
	return ok
}

// compare lists a video if it counts otherwise without what is left out.
func (r *reporting) compare(all, rest *readmodel.Model, id events.VideoID) {
	if before, after := counted(all, id), counted(rest, id); before != after {
		r.differ(Moved{Video: before.Video, Before: before, After: after, Change: after.Counters.Sub(before.Counters)})
	}
}

func (r *reporting) differ(m Moved) {
	if r.result.Differing++; len(r.result.Differences) < r.Limit {
		r.result.Differences = append(r.result.Differences, m)
	}
}

// ReadUsers reads user IDs, one a line; empty lines and what follows a # are
// left out. The error names the line that is wrong.
func ReadUsers(from io.Reader) (map[events.UserID]bool, error) {
	users := map[events.UserID]bool{}
	lines := bufio.NewScanner(from)
	for number := 1; lines.Scan(); number++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		var user events.UserID
		if !events.ParseUUID((*[16]byte)(&user), text) {
			return nil, fmt.Errorf("line %d: %.60q is not a UUID", number, text)
		}
		users[user] = true
	}
	return users, lines.Err()
}
