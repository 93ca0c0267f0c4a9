package replay

import (
	"cmp"
	"slices"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// finish takes out what a retraction covers, and puts the records in order.
func (t *teller) finish(x *Explanation) {
	for _, r := range t.records {
		if !r.Counted || r.contributor.IsZero() {
			continue
		}
		if by := t.retracted(r.contributor); by != nil {
			r.lose(WhyRetracted, by)
		}
	}
	for user, list := range t.accounts {
		if t.contributors[user] || t.entity == User(user) {
			t.records = append(t.records, list...)
		}
	}
	slices.SortFunc(t.records, func(a, b *record) int { return a.Position.Compare(b.Position) })
	tallies := map[[2]string]*Tally{}
	add := func(kind string, why Why, n int, weight Counters) {
		k := [2]string{kind, string(why)}
		if tallies[k] == nil {
			tallies[k] = &Tally{Type: kind, Why: why}
		}
		tallies[k].Events += n
		tallies[k].Counts = tallies[k].Counts.Add(weight)
	}
	x.Events = make([]Explained, 0, len(t.records))
	for _, r := range t.records {
		var weight Counters
		if r.Counted && r.weight != (readmodel.Counts{}) {
			weight = countersOf(r.weight)
			r.Counts = &weight
		}
		add(r.Type, r.Why, 1, weight)
		x.Events = append(x.Events, r.Explained)
	}
	if x.Unlisted = t.unlisted; t.unlisted > 0 {
		add(events.TypeVideoViewed.String(), "", t.unlisted, Counters{Views: int64(t.unlisted)})
	}
	for _, tally := range tallies {
		x.Summary = append(x.Summary, *tally)
	}
	slices.SortFunc(x.Summary, func(a, b Tally) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Why, b.Why)) })
}

// retracted returns the event by which a user is retracted, nil if none stands.
func (t *teller) retracted(user events.UserID) *record {
	if !t.model.Users.Retracted(user) {
		return nil
	}
	for _, r := range slices.Backward(t.accounts[user]) {
		if r.Counted {
			return r
		}
	}
	return nil
}

// Sum adds up what the events stand for.
func (x *Explanation) Sum() (sum Counters) {
	for i := range x.Summary {
		sum = sum.Add(x.Summary[i].Counts)
	}
	return sum
}
