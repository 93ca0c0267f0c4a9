package readmodel

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// identities compares the buckets of identities: how many there are and of which
// sum, and then each identity of either in memory. What is sealed lies in the
// checkpoint under sums of its own.
func (c *Comparison) identities() step {
	var hours []int64
	var walk *identityWalk
	begun := false
	return func() (func() error, bool) {
		if !begun {
			begun, hours = true, c.hours()
		}
		for looked := 0; looked < bucketCells && len(hours) > 0; looked += bucketCells / 16 {
			if walk == nil {
				walk = &identityWalk{hour: hours[0]}
			}
			n, done := c.compareIdentities(walk)
			looked += n
			if done {
				walk, hours = nil, hours[1:]
			}
		}
		return nil, len(hours) > 0
	}
}

// slabs looks whether what finds the live model's sealed identities is as it was sealed: a
// filter that is not lets a repeat count once more, and no sum tells of that before it
// does. Slabs do not change, and so this costs the fold nothing.
func (c *Comparison) slabs() step {
	return func() (func() error, bool) {
		runs := map[int64][]*sealedRun{}
		for hour, b := range c.live.seen.buckets {
			if len(b.runs) > 0 {
				runs[hour] = b.runs
			}
		}
		if len(runs) == 0 {
			return nil, false
		}
		return func() error {
			for _, hour := range slices.Sorted(maps.Keys(runs)) {
				for _, r := range runs[hour] {
					for n := range r.slabs {
						if !r.slabs[n].isWhole() {
							c.noteSlab(hour, r.id, n)
						}
					}
				}
			}
			return nil
		}, false
	}
}

func (c *Comparison) noteSlab(hour int64, run uint64, n int) {
	c.note(Difference{
		Table: "identities", ID: hourName(hour), Live: "some that are sealed may not be found", Log: "all are found",
		mend: func(live, _ *Model) { live.seen.reload(hour, run, n) },
	})
}

func hourName(hour int64) string { return events.Time(hour * time.Hour.Microseconds()).String() }

// hours lists those that either model has a bucket for.
func (c *Comparison) hours() (hours []int64) {
	for _, s := range []*Seen{c.live.seen, c.log.seen} {
		for hour := range s.buckets {
			hours = append(hours, hour)
		}
	}
	slices.Sort(hours)
	return slices.Compact(hours)
}

// identityWalk is how far a bucket was compared: first the live one's identities
// are looked for in the other, then the other way round.
type identityWalk struct {
	hour   int64
	round  int
	after  identity
	strays [2]int // identities that only the live bucket has, and only the log's
}

// compareIdentities goes on with a bucket, for bucketCells identities or a few
// more, and returns for how many.
func (c *Comparison) compareIdentities(w *identityWalk) (looked int, done bool) {
	sides := [2]*Seen{c.live.seen, c.log.seen}
	a, b := sides[0].buckets[w.hour], sides[1].buckets[w.hour]
	if a == nil && b == nil {
		return looked, true // forgotten meanwhile, by both
	}
	for both := a != nil && b != nil; both && w.round < 2; w.round, w.after = w.round+1, (identity{}) {
		other := sides[1-w.round]
		sides[w.round].buckets[w.hour].table.above(w.after, func(id identity) bool {
			if looked++; !other.contains(w.hour, id) {
				w.strays[w.round]++
			}
			w.after = id
			return looked < bucketCells
		})
		if looked >= bucketCells {
			return looked, false
		}
	}
	if a == nil || b == nil || a.count != b.count || a.digest != b.digest || a.last != b.last || w.strays != [2]int{} {
		c.noteIdentities(w, a, b)
	}
	return looked, true
}

func (c *Comparison) noteIdentities(w *identityWalk, live, log *seenBucket) {
	hour := w.hour
	describe := func(b *seenBucket, strays int) string {
		if b == nil {
			return ""
		}
		return fmt.Sprintf("%d, the newest of %v, %d that the other has not", b.count, b.last, strays)
	}
	c.note(Difference{
		Table: "identities", ID: hourName(hour),
		Live: describe(live, w.strays[0]), Log: describe(log, w.strays[1]),
		mend: func(live, log *Model) { live.seen.takeOver(hour, log.seen) },
	})
}

// above yields the identities of the table that are greater, in order.
func (t *identityTable) above(after identity, yield func(identity) bool) {
	if t.count == 0 {
		return
	}
	first := t.index(after)
	for i := first; i < len(t.parts); i++ {
		p, at := t.parts[i], 0
		if i > first && t.parts[i-1] == p {
			continue
		}
		if i == first {
			var found bool
			if at, found = p.find(after); found {
				at++
			}
		}
		for ; at < len(p.cells); at++ {
			if id := p.cells[at]; id != (identity{}) && !yield(id) {
				return
			}
		}
	}
}

// takeOver makes a bucket what it is in another table. No checkpoint may be under way.
func (s *Seen) takeOver(hour int64, log *Seen) {
	if old := s.buckets[hour]; old != nil {
		s.touched = slices.DeleteFunc(s.touched, func(h int64) bool { return h == hour })
		s.forget(old)
		s.drop(old)
	}
	from := log.buckets[hour]
	if from == nil {
		return
	}
	all := sealing{bucket: from, table: from.table, merged: from.runs, base: log.base}
	all.each(func(id identity) bool {
		s.add(hour, id, from.last)
		return true
	})
}

// trending compares the buckets of scores: what each holds is taken at one
// position, which is quick since scores never change, and compared beside the fold.
func (c *Comparison) trending() step {
	type place struct {
		r, w int
		at   int64
	}
	var places []place
	begun := false
	return func() (func() error, bool) {
		if c.renumbered {
			return nil, false
		}
		if !begun {
			begun = true
			for _, t := range []*Trending{c.live.Trending, c.log.Trending} {
				for r := range t.parts {
					for w := range t.parts[r] {
						for at := range t.parts[r][w].buckets {
							places = append(places, place{r, w, at})
						}
					}
				}
			}
			slices.SortFunc(places, func(a, b place) int {
				return cmp.Or(cmp.Compare(a.r, b.r), cmp.Compare(a.w, b.w), cmp.Compare(a.at, b.at))
			})
			places = slices.Compact(places)
		}
		if len(places) == 0 {
			return nil, false
		}
		p := places[0]
		places = places[1:]
		a, b := c.live.Trending.take(p.r, p.w, p.at), c.log.Trending.take(p.r, p.w, p.at)
		return func() error {
			return GuardRows(func() {
				if live, log := a.sum(&c.spare), b.sum(&c.spare); !slices.Equal(live, log) {
					c.noteTrending(p.r, p.w, p.at, live, log)
				}
			})
		}, len(places) > 0
	}
}

// taken is what a bucket of trending held at a position. To take it copies nothing,
// however much waits in the bucket: the fold waits for it.
type taken struct {
	scores []score
	moves  []move
	away   func() []score
}

func (t *Trending) take(r, w int, at int64) (k taken) {
	if b := t.parts[r][w].buckets[at]; b != nil {
		k, b.lent = taken{b.scores, b.moves, b.away}, true
	}
	return k
}

func (k taken) sum(spare *moveSorter) []score {
	if k.away != nil {
		k.scores = k.away()
	}
	if len(k.moves) == 0 {
		return k.scores
	}
	return slices.Clone(merge(k.scores, spare.count(slices.Clone(k.moves))))
}

func (c *Comparison) noteTrending(r, w int, at int64, live, log []score) {
	total := func(list []score) (n int64) {
		for _, s := range list {
			n += int64(s.count)
		}
		return n
	}
	names := [...]string{ByViews: "views", ByLikes: "likes"}
	c.note(Difference{
		Table: "trending", ID: fmt.Sprintf("%s of %v from %v", names[r], time.Duration(windowShape[w].width)*time.Microsecond, events.Time(at*windowShape[w].width)),
		Live: fmt.Sprintf("%d of %d videos", total(live), len(live)), Log: fmt.Sprintf("%d of %d videos", total(log), len(log)),
		mend: func(live, log *Model) { live.Trending.takeOver(r, w, at, log.Trending) },
	})
}

// takeOver makes a bucket what it is in another model.
func (t *Trending) takeOver(r, w int, at int64, log *Trending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	from, own := log.parts[r][w].buckets[at], t.parts[r][w].buckets[at]
	if from == nil && own == nil {
		return // it has left its window meanwhile
	}
	own = t.parts[r][w].bucket(at)
	own.scores, own.moves, own.away = nil, nil, nil
	if from != nil {
		own.scores = taken{from.scores, from.moves, from.away}.sum(&t.spare)
	}
	own.touch()
	t.last = [rankingCount]lastBucket{}
}
