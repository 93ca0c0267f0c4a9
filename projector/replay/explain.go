package replay

import (
	"bytes"
	"context"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// ExplainRequest asks for an Explanation.
type ExplainRequest struct {
	Entity Entity `json:"entity"`
	// Until is where the explanation ends; the zero point is the end of the source.
	Until Point `json:"until,omitzero"`
	// Views bounds the views that count and are listed one by one; nil for 1,000.
	Views *int `json:"views,omitempty"`
}

const defaultListedViews = 1000

// Explain tells what is shown of a video, a job or a user by its events: which
// counted, which did not, and why. What counts adds up to what is shown. The
// source must begin where the log does; it is read by the index where there is one.
func Explain(ctx context.Context, s Source, q ExplainRequest, o Options) (*Explanation, error) {
	span, err := full(ctx, s, q.Until)
	if err != nil {
		return nil, err
	}
	defer o.narrow()()
	var t *teller
	c := closing{
		Options: &o, source: s, entities: []Entity{q.Entity}, to: span.Last,
		begin: func(options *projector.FoldOptions) {
			t = newTeller(q.Entity, defaultListedViews)
			if q.Views != nil {
				t.limit = *q.Views
			}
			options.Observe = t.observe
		},
		before: func(f *projector.Fold, m *eventlog.Message) { t.model, t.message = f.Model(), message{Message: m} },
		kept:   func() uint64 { return t.kept + t.repeats.kept() },
	}
	f, err := c.fold(ctx)
	if err != nil {
		return nil, err
	}
	span.LogTime = f.Model().LogTime()
	x := &Explanation{Entity: q.Entity, Span: span, Reading: o.reading}
	t.finish(x)
	return x, t.show(x, f.Model())
}

// teller follows a fold and keeps the story of an entity.
type teller struct {
	entity  Entity
	limit   int
	model   *readmodel.Model
	message message
	named   named

	records  []*record
	views    int // listed
	unlisted int
	kept     uint64           // bytes, about
	counts   readmodel.Counts // of the video, after the last event

	repeats      repeats
	identities   map[identityKey]events.Position
	likes        map[likeKey]*record
	items        map[readmodel.Item]*itemStory
	baselines    map[string]*record
	accounts     map[events.UserID][]*record
	contributors map[events.UserID]bool
	blocks       map[[2]events.UserID]*record
	sent         map[[2][16]byte]*record
	publications map[events.VideoID]*publication
	visibility   *record
	job          jobStory
}

type identityKey struct {
	kind       events.Type
	time       events.Time
	source, id string
}

type likeKey struct {
	video events.VideoID
	user  events.UserID
}

func newTeller(e Entity, limit int) *teller {
	return &teller{
		entity: e, limit: limit, repeats: newRepeats(), identities: map[identityKey]events.Position{},
		likes: map[likeKey]*record{}, items: map[readmodel.Item]*itemStory{}, baselines: map[string]*record{},
		accounts: map[events.UserID][]*record{}, contributors: map[events.UserID]bool{},
		blocks: map[[2]events.UserID]*record{}, sent: map[[2][16]byte]*record{},
		publications: map[events.VideoID]*publication{},
	}
}

// observe takes in an event that was folded.
func (t *teller) observe(e *events.Event, effect readmodel.Effect, reason error) {
	mine := false
	if err := t.named.read(e); err != nil || e.Type == 0 {
		mine = bytes.Contains(e.Raw, t.entity.ID[:])
	} else {
		mine = t.named.is(t.entity)
	}
	if reason != nil && !mine {
		return
	}
	r := t.record(e, effect, reason)
	if reason != nil {
		r.lose(WhyPoisoned, nil)
		r.Detail = reason.Error()
		t.keep(&t.records, r)
		return
	}
	t.change(r)
	t.tell(e, effect, r, mine)
	switch {
	case ofAccount(e.Type):
		list := t.accounts[t.named.user]
		t.keep(&list, r)
		t.accounts[t.named.user] = list
	case !mine:
	case r.Counted && e.Type == events.TypeVideoViewed && t.views >= t.limit:
		t.unlisted++
	default:
		if r.Counted && e.Type == events.TypeVideoViewed {
			t.views++
		}
		t.keep(&t.records, r)
	}
}

// recordBytes is about what a record takes in the end: itself, its texts, its place among
// the likes or items, and its copy in the explanation.
const recordBytes = 1 << 10

func (t *teller) keep(list *[]*record, r *record) {
	*list = append(*list, r)
	t.kept += recordBytes
}
