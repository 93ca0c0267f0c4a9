package crash

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/tidemark-io/tidemark/events"
)

// answered is what the service answers when all is quiet.
type answered struct {
	videos map[string]counts
	unread map[id]int64
	blocks map[id]map[string]bool
}

// ask reads everything that is checked, as of all that was acknowledged.
func (w *workload) ask() (*answered, error) {
	var newest *worker
	for _, k := range w.workers {
		if newest == nil || k.seen.Ceiling.Compare(newest.seen.Ceiling) > 0 {
			newest = k
		}
	}
	s := &answered{unread: map[id]int64{}, blocks: map[id]map[string]bool{}}
	var err error
	if s.videos, _, _, err = w.metadata(httpClient, slices.Concat(w.steady, w.moderated), newest.header); err != nil {
		return nil, err
	}
	if s.videos == nil {
		return nil, fmt.Errorf("the counters are not answered as of %v", newest.seen.Ceiling)
	}
	for _, k := range w.workers {
		var notifications struct {
			UnreadCount int64 `json:"unread_count"`
		}
		var blocks struct {
			Blocks []struct {
				UserID string `json:"user_id"`
			}
		}
		if err := k.get("/v1/notifications?limit=1", newest.header, &notifications); err != nil {
			return nil, err
		}
		if err := k.get("/v1/blocks?limit=200", newest.header, &blocks); err != nil {
			return nil, err
		}
		s.unread[k.user], s.blocks[k.user] = notifications.UnreadCount, map[string]bool{}
		for _, b := range blocks.Blocks {
			s.blocks[k.user][b.UserID] = true
		}
	}
	return s, nil
}

func (k *worker) get(path, after string, into any) error {
	request, err := http.NewRequest("GET", k.w.site.URL+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+k.userToken)
	if after != "" {
		request.Header.Set("Tidemark-After", after)
	}
	answer, err := httpClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: status %d", path, answer.StatusCode)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

// compare holds what is served to the recount (I2).
func (s *answered) compare(t *totals) (faults []string) {
	want := t.videos()
	for _, video := range slices.Sorted(maps.Keys(want)) {
		if got, there := s.videos[video]; !there || got != want[video] {
			faults = append(faults, fmt.Sprintf("I2: video %s: served %+v (in the answer: %t), the log says %+v", video, got, there, want[video]))
		}
	}
	for video, got := range s.videos {
		if _, there := want[video]; !there {
			faults = append(faults, fmt.Sprintf("I2: video %s: served %+v, the log says that it is not to be seen", video, got))
		}
	}
	for user, got := range s.unread {
		if want := t.unreadOf(user); got != want {
			faults = append(faults, fmt.Sprintf("I2: user %v: %d unread served, the log says %d", user, got, want))
		}
	}
	for user, got := range s.blocks {
		if want := t.blockedBy(user); !maps.Equal(got, want) {
			faults = append(faults, fmt.Sprintf("I2: user %v: blocks %v served, the log says %v", user, got, want))
		}
	}
	return faults
}

// lost returns the acknowledged commands that are not in the log where their
// positions say (I1).
func (w *workload) lost(b *logbook) (faults []string) {
	for _, k := range w.workers {
		for _, r := range k.records {
			if r.fate != acknowledged {
				continue
			}
			if why := b.misses(r); why != "" {
				faults = append(faults, fmt.Sprintf("I1: %s: %v", why, r))
			}
		}
	}
	return faults
}

// misses says why the log does not hold an acknowledged command.
func (b *logbook) misses(r *record) string {
	at := r.token.Ceiling
	batch, there := b.batches[at.Seq]
	first := int(at.Index) - len(r.facts) + 1
	switch {
	case r.token.Incarnation != b.incarnation:
		return "acknowledged in another incarnation of the log"
	case !there:
		return "the log has no such message"
	case r.token.Tag != 0 && r.token.Tag != b.tags[at.Seq]:
		return "the log has another record batch there"
	case int(at.Index) >= len(batch) || first < 0:
		return fmt.Sprintf("the record batch has only %d events", len(batch))
	}
	for i, want := range r.facts {
		if got := batch[first+i].fact; got != want {
			return fmt.Sprintf("event %d there is %+v, not %+v", first+i, got, want)
		}
	}
	return ""
}

// miscounted returns the commands that stand in the log more or less often
// than their answers say (I3).
func (w *workload) miscounted(b *logbook) (faults []string) {
	owner := map[events.Position]*record{}
	viewsLogged := map[pair]int{}
	for _, e := range b.events {
		if e.Type == events.TypeVideoViewed && e.identity == "" && (e.command == nil || e.command.first) {
			viewsLogged[pair{e.A, e.B}]++
		}
	}
	for _, k := range w.workers {
		told, open := map[id]int{}, map[id]int{}
		for _, r := range k.records {
			if r.fate == acknowledged {
				if other := owner[r.token.Ceiling]; other != nil {
					faults = append(faults, fmt.Sprintf("I3: two commands were acknowledged at one position:\n %v\n %v", other, r))
				}
				owner[r.token.Ceiling] = r
			}
			if r.key != "" {
				faults = append(faults, b.misjudges(r)...)
			}
			if r.facts[0].Type == events.TypeVideoViewed && r.facts[0].B == k.user {
				switch r.fate {
				case acknowledged:
					told[r.facts[0].A]++
				case unknown:
					open[r.facts[0].A]++
				}
			}
		}
		for _, video := range slices.Concat(w.steady, w.moderated) {
			if k.user == w.unrecorded {
				break
			}
			if n := viewsLogged[pair{video, k.user}]; n < told[video] || n > told[video]+open[video] {
				faults = append(faults, fmt.Sprintf("I3: user %v was told of %d views of %v, has %d without an answer, and the log counts %d",
					k.user, told[video], video, open[video], n))
			}
		}
	}
	return faults
}

// misjudges compares a command with a key to its frames in the log.
func (b *logbook) misjudges(r *record) (faults []string) {
	sum := sha256.Sum256(append(append([]byte("key"), r.sub[:]...), r.key...))
	frames := b.keyed[id(sum[:16])]
	switch {
	case r.fate == acknowledged && len(frames) == 0:
		faults = append(faults, fmt.Sprintf("I1: a command with a key is not in the log: %v", r))
	case r.fate == acknowledged && frames[0].at != r.token.Ceiling:
		faults = append(faults, fmt.Sprintf("I3: its first effect lies at %v: %v", frames[0].at, r))
	case r.fate == refused && len(frames) > 0 && (r.status == http.StatusServiceUnavailable || r.status == http.StatusGone):
		faults = append(faults, fmt.Sprintf("I4: it was refused and is in the log at %v: %v", frames[0].at, r))
	}
	return faults
}

// verify runs every check on a site that is ready and leaves it stopped: by
// SIGTERM, after which all must still be there. It returns the log.
func (w *workload) verify() *logbook {
	w.t.Helper()
	w.settle()
	w.repeat()
	s, err := w.ask()
	if err != nil {
		w.t.Fatal(err)
	}
	// A connection that was opened and never used would hold the stop up.
	httpClient.CloseIdleConnections()
	w.site.stop()
	b, err := readLog(w.t.Context(), w.site.Dir)
	if err != nil {
		w.t.Fatal(err)
	}
	faults := slices.Concat(w.violations, w.lost(b), w.miscounted(b), s.compare(recount(b)))
	for i, fault := range faults {
		if i == 20 {
			w.t.Errorf("and %d more", len(faults)-i)
			break
		}
		w.t.Error(fault)
	}
	w.violations = nil
	return b
}
