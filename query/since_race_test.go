package query

import (
	"encoding/json"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// pollAnswer is a metadata answer as a poller takes it in.
type pollAnswer struct {
	Videos map[string]struct {
		Views    int64 `json:"view_count"`
		Likes    int64 `json:"like_count"`
		Comments int64 `json:"comment_count"`
		Remixes  int64 `json:"remix_count"`
		Glitches int64 `json:"glitch_count"`
	}
	Removed []string
	Reset   bool
}

// chronicle keeps what was true at the end of each record batch: the counter of
// each video, -1 while it is not visible.
type chronicle struct {
	mu    sync.Mutex
	state map[uint64][]int64
}

// TestSincePollersMissNothing folds while pollers apply what since polls tell
// them. All five counters of a video move together, so a torn answer shows; and
// after each poll a poller must know at least what was true at the floor of the
// position that it was given, and end with exactly what is true at the end.
func TestSincePollersMissNothing(t *testing.T) {
	const videos, polls, pollers = 24, 400, 2
	w := newWorld(t)
	past := &chronicle{state: map[uint64][]int64{0: invisible(videos)}}
	done := make(chan struct{})
	var group sync.WaitGroup
	var behind atomic.Int32 // pollers that have not polled often enough
	behind.Store(pollers)
	for range pollers {
		group.Go(func() { pollUntil(w, past, videos, func() { behind.Add(-1) }, polls, done) })
	}
	random := rand.New(rand.NewPCG(3, 4))
	now, hidden := invisible(videos), make([]bool, videos)
	value := make([]int64, videos)
	for behind.Load() > 0 {
		w.fold(func(m *readmodel.Model, step func() events.Position) {
			for range 1 + random.IntN(8) {
				step()
				n := random.IntN(videos)
				if random.IntN(6) == 0 && value[n] > 0 {
					hidden[n] = !hidden[n]
					m.SetDeleted(videoID(n), hidden[n])
				} else {
					value[n]++
					setAll(w.t, m, n, value[n])
				}
				if now[n] = value[n]; hidden[n] {
					now[n] = -1
				}
			}
			past.mu.Lock()
			past.state[w.seq] = append([]int64{}, now...)
			past.mu.Unlock()
		})
	}
	close(done)
	group.Wait()
}

func invisible(n int) []int64 {
	state := make([]int64, n)
	for i := range state {
		state[i] = -1
	}
	return state
}

// setAll sets all five counters by one event.
func setAll(t testing.TB, m *readmodel.Model, n int, value int64) {
	d := events.CounterBaseline{Video: videoID(n), Source: []byte("test"), Set: 1<<events.CounterCount - 1}
	for c := range d.Values {
		d.Values[c] = value
	}
	if _, err := m.SetBaseline(d); err != nil {
		t.Error(err)
	}
}

// pollUntil polls until done is closed, and once more. It calls enough after
// that many polls.
func pollUntil(w *world, past *chronicle, videos int, enough func(), polls int, done <-chan struct{}) {
	enough = sync.OnceFunc(enough)
	defer enough()
	var list []string
	place := map[string]int{}
	for n := range videos {
		list = append(list, vid(n))
		place[vid(n)] = n
	}
	known, since := invisible(videos), w.token()
	for last := false; ; polls-- {
		if polls == 0 {
			enough()
		}
		select {
		case <-done:
			last = true // one more, after everything
		default:
		}
		got := w.do("POST", metadataPath, sinceBody(since, list...))
		var answer pollAnswer
		if err := json.Unmarshal([]byte(got.text), &answer); err != nil || got.StatusCode != 200 || answer.Reset {
			w.t.Errorf("poll: %d %.200s: %v", got.StatusCode, got.text, err)
			return
		}
		for id, v := range answer.Videos {
			if v.Likes != v.Views || v.Comments != v.Views || v.Remixes != v.Views || v.Glitches != v.Views {
				w.t.Errorf("torn answer: %+v", v)
			}
			known[place[id]] = v.Views
		}
		for _, id := range answer.Removed {
			known[place[id]] = -1
		}
		since = got.Header.Get("Tidemark-Position")
		token, err := events.ParseToken(since)
		if err != nil {
			w.t.Error(err)
			return
		}
		past.mu.Lock()
		floor := past.state[token.Floor.Seq]
		past.mu.Unlock()
		for n, value := range floor {
			// Later changes may be known already, a deletion too.
			if known[n] < value && known[n] >= 0 || last && known[n] != value {
				w.t.Errorf("video %d: poller knows %d, at %v it was %d", n, known[n], token.Floor, value)
				return
			}
		}
		if last {
			return
		}
	}
}
