package query

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

const (
	// rankingMaxAge is for how long a ranking serves: to rank a week of a large
	// platform takes tens of milliseconds, and nobody sees the difference.
	rankingMaxAge = time.Second
	// rankingMinPause lies between two rankings, whoever asks.
	rankingMinPause = 50 * time.Millisecond
	// rankingSize is how many of the best are kept: the longest answer, and some
	// to take the place of those that are deleted meanwhile.
	rankingSize = maxLimit + 56
	// keptCandidates bounds the memory kept between rankings, 8 bytes each.
	keptCandidates = 1 << 20
)

// trending keeps the newest ranking of each kind and window.
type trending [2][3]rankingCache

// rankingCache lets one goroutine compute at a time; who comes meanwhile and
// cannot use the old ranking waits for the new one.
type rankingCache struct {
	newest     atomic.Pointer[ranking]
	mu         sync.Mutex
	candidates []scored  // of whoever holds mu
	computed   time.Time // likewise: when a ranking was last computed, on the real clock
}

// ranking is the best videos of a window, in order.
type ranking struct {
	// model is weak: a ranking that nobody asks for any more must not keep a read
	// model in memory that another has taken the place of.
	model    weak.Pointer[readmodel.Model]
	snapshot *readmodel.Snapshot // taken before the scores were read
	computed time.Time
	best     []scored
}

type scored struct {
	video uint32
	score int32
}

// serves reports whether the ranking may answer: it is of this read model, not
// too old, and holds what the caller has seen or done.
func (r *ranking) serves(m *readmodel.Model, now time.Time, after events.Position) bool {
	if r == nil || r.model != weak.Make(m) || after.Compare(r.snapshot.At) > 0 {
		return false
	}
	age := now.Sub(r.computed)
	return age >= 0 && age < rankingMaxAge
}

func (k *rankingCache) get(s *Service, m *readmodel.Model, by readmodel.Ranking, window readmodel.Window, after events.Position) *ranking {
	if r := k.newest.Load(); r.serves(m, s.now(), after) {
		return r
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.newest.Load(); r.serves(m, s.now(), after) {
		return r
	}
	k.pace()
	r := k.compute(m, by, window, s.now())
	k.newest.Store(r)
	return r
}

// pace keeps rankings apart: who asks with the newest position gets a ranking of
// its own, and must not make the fold wait more than a few times a second.
func (k *rankingCache) pace() {
	if wait := rankingMinPause - time.Since(k.computed); wait > 0 && wait <= rankingMinPause {
		time.Sleep(wait)
	}
	k.computed = time.Now()
}

// compute ranks a window. The fold waits while the scores are read, so they
// are only copied then, and judged afterwards.
func (k *rankingCache) compute(m *readmodel.Model, by readmodel.Ranking, window readmodel.Window, now time.Time) *ranking {
	r := &ranking{model: weak.Make(m), snapshot: m.Snapshot(), computed: now}
	candidates := k.candidates[:0]
	m.Trending.Scores(by, window, now, func(video uint32, score int32) {
		candidates = append(candidates, scored{video, score})
	})
	if k.candidates = candidates; cap(candidates) > keptCandidates {
		k.candidates = nil
	}
	best := bestOf(m.Videos, candidates)
	r.best = make([]scored, len(best))
	for i := range best {
		r.best[i] = best[i].scored
	}
	return r
}

// contender is a candidate with what decides between equal scores.
type contender struct {
	scored
	views int64
	id    events.VideoID
}

func compareContenders(a, b contender) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.views, a.views), slices.Compare(a.id[:], b.id[:]))
}

// bestOf returns the best of the candidates that are visible, in order. Only a
// candidate that could enter is looked up: few do once the list is full.
func bestOf(videos *readmodel.Videos, candidates []scored) []contender {
	best := make([]contender, 0, rankingSize+1)
	var slot readmodel.Slot
	for _, candidate := range candidates {
		if len(best) == rankingSize && candidate.score < best[rankingSize-1].score {
			continue
		}
		videos.Read(candidate.video, &slot)
		if !slot.Visible() {
			continue
		}
		c := contender{candidate, slot.Counts[events.Views], videos.ID(candidate.video)}
		if len(best) == rankingSize && compareContenders(c, best[rankingSize-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, c, compareContenders)
		best = slices.Insert(best, at, c)
		best = best[:min(len(best), rankingSize)]
	}
	return best
}
