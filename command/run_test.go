package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

const (
	asUser    = api.Roles(0)
	asService = api.Roles(api.RoleService)
	asAdmin   = api.Roles(api.RoleAdmin)
)

func TestRepeatUnderAKeyHasOneEffectAndTheSameAnswer(t *testing.T) {
	w := newWorld(t, nil)
	for name, c := range map[string]struct {
		roles              api.Roles
		method, path, body string
	}{
		"view":             {asUser, "POST", "/v1/videos/" + video(1) + "/views", ""},
		"job without ID":   {asUser, "POST", "/v1/ai/jobs", `{}`},
		"blocks":           {asUser, "POST", "/v1/blocks/batch", `{"user_ids":["` + video(7) + `"]}`},
		"only oneself":     {asUser, "POST", "/v1/blocks/batch", `{"user_ids":["` + user(1).String() + `"]}`},
		"notifications":    {asService, "POST", "/v1/notifications", `{"notifications":[{"user_id":"` + video(8) + `","category":"x"},{"user_id":"` + video(8) + `","category":"y"}]}`},
		"delete of videos": {asAdmin, "POST", "/v1/admin/videos/batch-delete", `{"video_ids":["` + video(9) + `"],"reason":"r"}`},
	} {
		first := w.do(user(1), c.roles, name[:1]+"-key", c.method, c.path, c.body)
		if first.Status >= 300 {
			t.Errorf("%s: %d %s", name, first.Status, first.Body)
		}
		end := w.last()
		for range 3 {
			again := w.do(user(1), c.roles, name[:1]+"-key", c.method, c.path, c.body)
			if again.Status != first.Status || again.Body != first.Body {
				t.Errorf("%s: first %d %s, then %d %s", name, first.Status, first.Body, again.Status, again.Body)
			}
		}
		if w.last() != end {
			t.Errorf("%s: a repeat reached the log", name)
		}
		other := w.do(user(1), c.roles, name[:1]+"-key", "PUT", "/v1/videos/"+video(2)+"/like", "")
		if other.Status != http.StatusUnprocessableEntity || !strings.Contains(other.Body, "idempotency-key-reused") {
			t.Errorf("%s: another request under its key got %d %s", name, other.Status, other.Body)
		}
	}
}

func TestManyRepeatsAtOnceHaveOneEffect(t *testing.T) {
	w := newWorld(t, nil)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			a := w.do(user(1), asUser, "same", "POST", "/v1/videos/"+video(1)+"/views", "")
			if a.Status != http.StatusAccepted && a.Status != http.StatusConflict {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
	wg.Wait()
	slot := readSlot(t, w, 1)
	if slot != 1 {
		t.Errorf("%d views of one command", slot)
	}
}

func readSlot(t *testing.T, w *world, n byte) int64 {
	t.Helper()
	views := int64(-1)
	err := w.projector.Inspect(context.Background(), func(m *readmodel.Model) {
		if number, ok := m.Videos.Find(events.VideoID{15: n}); ok {
			var s readmodel.Slot
			m.Videos.Read(number, &s)
			views = s.Counts[events.Views]
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return views
}

// failingLog answers every commit with an error.
type failingLog struct{ err error }

func (l failingLog) CommitWithin(context.Context, time.Duration, events.Entry) (eventlog.Receipt, error) {
	return eventlog.Receipt{}, l.err
}

func TestCommitErrorsTellRejectedFromUnknown(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		slug   api.Slug
	}{
		{eventlog.ErrTooLarge, http.StatusRequestEntityTooLarge, api.CommandTooLarge},
		{eventlog.ErrBusy, http.StatusServiceUnavailable, api.LogUnavailable},
		{eventlog.ErrClosing, http.StatusServiceUnavailable, api.LogUnavailable},
		{eventlog.ErrUnavailable, http.StatusServiceUnavailable, api.LogUnavailable},
		{fmt.Errorf("%w: %w", eventlog.ErrRejected, context.DeadlineExceeded), http.StatusServiceUnavailable, api.LogUnavailable},
		{fmt.Errorf("%w: %w", eventlog.ErrOutcomeUnknown, context.DeadlineExceeded), http.StatusServiceUnavailable, api.OutcomeUnknown},
		{errors.New("anything else"), http.StatusServiceUnavailable, api.OutcomeUnknown},
	} {
		w := newWorld(t, func(cfg *Config) { cfg.Log = failingLog{c.err} })
		for _, path := range []string{"/v1/videos/" + video(1) + "/views", "/v1/videos/" + video(1) + "/like"} {
			method := map[bool]string{true: "PUT", false: "POST"}[strings.HasSuffix(path, "like")]
			a := w.do(user(1), asUser, "", method, path, "")
			if a.Status != c.status || !strings.HasSuffix(fmt.Sprint(a.member("type")), "/"+string(c.slug)) {
				t.Errorf("%v: %d %s", c.err, a.Status, a.Body)
			}
			if a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") == "" {
				t.Errorf("%v: no Retry-After", c.err)
			}
		}
	}
}

func TestStoppedWriterRejects(t *testing.T) {
	w := newWorld(t, nil)
	w.stopWriter()
	if a := w.do(user(1), asUser, "", "PUT", "/v1/videos/"+video(1)+"/like", ""); a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Body, "log-unavailable") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestFullDiskRefusesCommands(t *testing.T) {
	w := newWorld(t, nil)
	w.full = errors.New("12 bytes are free")
	if a := w.do(user(1), asUser, "", "PUT", "/v1/videos/"+video(1)+"/like", ""); a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Body, "storage-full") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	w.full = nil
	if a := w.do(user(1), asUser, "", "PUT", "/v1/videos/"+video(1)+"/like", ""); a.Status != http.StatusAccepted {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestOutcomeThatDoesNotComeInTimeIsPending(t *testing.T) {
	w := newWorld(t, func(cfg *Config) { cfg.WaitLimit = time.Nanosecond })
	a := w.do(user(1), asAdmin, "", "POST", "/v1/admin/videos/batch-delete", `{"video_ids":["`+video(1)+`"],"reason":"r"}`)
	switch {
	case a.Status == http.StatusAccepted && a.member("pending") == true && a.member("position") != nil:
	case a.Status == http.StatusOK: // the fold was faster than a nanosecond's timer
	default:
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestTwoAuthorsOfOneCommentAreNotBothAccepted(t *testing.T) {
	w := newWorld(t, nil)
	for n := byte(1); n <= 20; n++ {
		var accepted, refused int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for author := byte(1); author <= 4; author++ {
			wg.Go(func() {
				a := w.do(user(author), asUser, "", "PUT", "/v1/videos/"+video(1)+"/comments/"+video(n), "")
				mu.Lock()
				defer mu.Unlock()
				switch a.Status {
				case http.StatusAccepted:
					accepted++
				case http.StatusConflict:
					refused++
				default:
					t.Errorf("%d %s", a.Status, a.Body)
				}
			})
		}
		wg.Wait()
		if accepted != 1 || refused != 3 {
			t.Errorf("comment %d: %d accepted, %d refused", n, accepted, refused)
		}
	}
}

// TestRepeatIsJudgedByTheMomentOfTheFirst moves the clock between a command
// and its repeat, past the border that the first was judged by.
func TestRepeatIsJudgedByTheMomentOfTheFirst(t *testing.T) {
	var ahead atomic.Int64
	w := newWorld(t, func(cfg *Config) { cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) } })
	old := time.Now().Add(time.Minute - maxTapAge).UTC().Format(time.RFC3339)
	early := time.Now().Add(events.MaxAhead + time.Minute).UTC().Format(time.RFC3339)
	event := func(id, at string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":"%s","source":"s","type":"video.viewed","time":"%s","data":{"video_id":"%s"}}`, id, at, video(1))
	}
	for name, c := range map[string]struct {
		roles                     api.Roles
		method, path, media, body string
		moves                     time.Duration
	}{
		"a tap that grows too old": {asUser, "PUT", "/v1/videos/" + video(1) + "/like", "application/json", `{"at":"` + old + `"}`, time.Hour},
		"an event that was too early": {asService, "POST", "/v1/events", mediaBatch,
			"[" + event("1", early) + "," + event("2", old) + "]", 2 * time.Minute},
	} {
		ahead.Store(0)
		key := strings.ReplaceAll(name, " ", "-")
		first := w.send(user(1), c.roles, key, c.method, c.path, c.media, c.body)
		if first.Status >= 300 {
			t.Fatalf("%s: %d %s", name, first.Status, first.Body)
		}
		ahead.Store(int64(c.moves))
		if again := w.send(user(1), c.roles, key, c.method, c.path, c.media, c.body); again.Status != first.Status || again.Body != first.Body {
			t.Errorf("%s: first %d %s, then %d %s", name, first.Status, first.Body, again.Status, again.Body)
		}
	}
}
