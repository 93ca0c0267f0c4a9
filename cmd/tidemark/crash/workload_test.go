package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
	"github.com/tidemark-io/tidemark/events"
)

const (
	workerCount = 12
	readerCount = 2
)

// workload is what clients do to a site, and what they were told.
type workload struct {
	t    *testing.T
	site *site
	// steady videos are never deleted, moderated ones are, time and again.
	steady, moderated, strangers []id

	workers []*worker
	readers []*reader
	// unrecorded is a user whose views are not all in the records.
	unrecorded id

	mu         sync.Mutex
	violations []string
}

// newWorkload gets the tokens, which makes the data directory and its secret
// where they are not there.
func newWorkload(t *testing.T, s *site, seed uint64) *workload {
	t.Helper()
	w := &workload{t: t, site: s}
	rng := rand.New(rand.NewPCG(seed, 0))
	w.steady, w.moderated, w.strangers = newIDs(rng, 24), newIDs(rng, 6), newIDs(rng, 8)
	operator := newID(rng)
	service := s.token(operator, "service", "admin")
	for i := range workerCount {
		user := newID(rng)
		w.workers = append(w.workers, &worker{
			w: w, rng: rand.New(rand.NewPCG(seed, uint64(i+1))), client: httpClient,
			user: user, userToken: s.token(user), operator: operator, serviceToken: service,
			likes: map[id]bool{}, views: map[id]int{},
		})
	}
	for range readerCount {
		w.readers = append(w.readers, &reader{w: w})
	}
	return w
}

func newIDs(rng *rand.Rand, n int) []id {
	ids := make([]id, n)
	for i := range ids {
		ids[i] = newID(rng)
	}
	return ids
}

// violation notes a broken promise. The test goes on to its checks, which may
// say more.
func (w *workload) violation(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

// load is the workload at work.
type load struct {
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// begin sets all workers and readers to work, until end is called or nobody
// answers them any more.
func (w *workload) begin() *load {
	ctx, stop := context.WithCancel(w.t.Context())
	l := &load{stop: stop}
	for _, k := range w.workers {
		l.wg.Go(func() { k.work(ctx) })
	}
	for _, r := range w.readers {
		l.wg.Go(func() { r.read(ctx) })
	}
	return l
}

// end lets the requests under way be answered and stops.
func (l *load) end() {
	l.stop()
	l.wg.Wait()
}

// settle has all workers repeat what they have no answer to.
func (w *workload) settle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), served.Patience)
	defer cancel()
	var wg sync.WaitGroup
	for _, k := range w.workers {
		wg.Go(func() { k.settle(ctx) })
	}
	wg.Wait()
	for _, k := range w.workers {
		if k.open != nil {
			w.violation("a command has no answer after the restart: %v", k.open)
		}
	}
}

// repeat has each worker send its last acknowledged command with a key again:
// the answer must be the first one.
func (w *workload) repeat() {
	for _, k := range w.workers {
		for i := len(k.records) - 1; i >= 0; i-- {
			first := k.records[i]
			if first.fate != acknowledged || first.key == "" {
				continue
			}
			again := record{command: first.command}
			if err := again.send(k.client, w.site.URL); err != nil {
				w.violation("I4: %v", err)
			}
			if again.fate != acknowledged || again.token.Ceiling != first.token.Ceiling || again.status != first.status ||
				withoutPosition(again.answer) != withoutPosition(first.answer) {
				w.violation("I3: a repeat under the same key has another answer:\n first %v\n  %s\n again %v\n  %s", first, first.answer, &again, again.answer)
			}
			break
		}
	}
}

// withoutPosition leaves out the member whose text may differ for one position.
func withoutPosition(answer []byte) string {
	var members map[string]any
	if json.Unmarshal(answer, &members) != nil {
		return string(answer)
	}
	delete(members, "position")
	return encode(members)
}

// tally counts the workers' records by fate.
func (w *workload) tally() (count [acknowledged + 1]int, keyed int) {
	for _, k := range w.workers {
		for _, r := range k.records {
			count[r.fate]++
			if r.fate == acknowledged && r.key != "" {
				keyed++
			}
		}
	}
	return count, keyed
}

// counts is a video's entry in an answer.
type counts struct {
	Views    int64 `json:"view_count"`
	Likes    int64 `json:"like_count"`
	Comments int64 `json:"comment_count"`
	Remixes  int64 `json:"remix_count"`
	Glitches int64 `json:"glitch_count"`
}

// metadata asks for the counters of videos, as of a position. Nobody may have
// answered, and the answer may be a definite refusal: then counts is nil.
func (w *workload) metadata(client *http.Client, videos []id, after string) (_ map[string]counts, t events.Token, answered bool, err error) {
	var list []string
	for _, v := range videos {
		list = append(list, v.String())
	}
	request, err := http.NewRequest("POST", w.site.URL+"/v1/videos/batch-metadata", strings.NewReader(encode(map[string]any{"video_ids": list})))
	if err != nil {
		return nil, t, false, err
	}
	request.Header.Set("Content-Type", "application/json")
	if after != "" {
		request.Header.Set("Tidemark-After", after)
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, t, false, nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return nil, t, false, nil
	case answer.StatusCode == http.StatusServiceUnavailable:
		return nil, t, true, nil
	case answer.StatusCode != http.StatusOK:
		return nil, t, true, fmt.Errorf("counters after %s: status %d: %s", after, answer.StatusCode, text)
	}
	var body struct{ Videos map[string]counts }
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, t, true, fmt.Errorf("counters: %s: %w", text, err)
	}
	t, err = events.ParseToken(answer.Header.Get("Tidemark-Position"))
	return body.Videos, t, true, err
}

// reader polls counters and sends the position of each answer with the next
// question, across crashes too: nothing it sees may go back (I6).
type reader struct {
	w      *workload
	after  string
	seen   events.Token
	views  map[string]int64
	polled int
}

func (r *reader) read(ctx context.Context) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		counts, token, answered, err := r.w.metadata(httpClient, r.w.steady, r.after)
		switch {
		case err != nil:
			r.w.violation("I6: a reader who sends positions: %v", err)
			return
		case !answered:
			return
		case counts != nil:
			r.note(counts, token)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *reader) note(counts map[string]counts, token events.Token) {
	r.polled++
	if token.Ceiling.Compare(r.seen.Ceiling) < 0 {
		r.w.violation("I6: a reader was at %v, and then at %v", r.seen.Ceiling, token.Ceiling)
	}
	now := map[string]int64{}
	for video, c := range counts {
		now[video] = c.Views
		if c.Views < r.views[video] {
			r.w.violation("I6: a reader saw %d views of %s, and then %d", r.views[video], video, c.Views)
		}
	}
	for video, views := range r.views {
		if _, there := now[video]; !there {
			r.w.violation("I6: a reader saw %d views of %s, and then no such video", views, video)
		}
	}
	r.seen, r.after, r.views = token, token.String(), now
}
