package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/cmd/tidemark/load"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/replay"
	"github.com/tidemark-io/tidemark/query"
)

// poller reads counters over the query API as a page does, in turns with since
// and with an ETag, and never forgets what it has seen.
type poller struct {
	server   http.Handler
	ids      []string
	position string
	etag     string
	counts   map[string]map[string]int64
	polls    int
	resets   int
}

func (s *service) queries() http.Handler {
	s.t.Helper()
	keys, err := api.NewSecretKeys([]byte("a secret of thirty-two bytes, ok"))
	if err != nil {
		s.t.Fatal(err)
	}
	auth, err := api.NewAuthenticator(api.AuthConfig{Keys: keys, Now: time.Now})
	if err != nil {
		s.t.Fatal(err)
	}
	server, err := api.NewServer(api.Config{
		Routes: query.New(query.Config{Source: s.p}).Routes(), Auth: auth, ReadModel: query.NewFreshness(s.p),
		WaitLimit: patience, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return server
}

// poll asks once. It fails where the answer is no good one, or where a counter is
// below what was seen.
func (p *poller) poll() error {
	p.polls++
	if p.polls%2 == 0 {
		return p.pollSince()
	}
	r := httptest.NewRequest(http.MethodGet, "/v1/videos/batch-metadata?ids="+strings.Join(p.ids, ","), nil)
	if p.etag != "" {
		r.Header.Set("If-None-Match", p.etag)
	}
	answer, err := p.send(r)
	if err != nil || answer == nil {
		return err
	}
	return p.take(answer, true)
}

func (p *poller) pollSince() error {
	body, _ := json.Marshal(map[string]any{"video_ids": p.ids, "since": p.position})
	r := httptest.NewRequest(http.MethodPost, "/v1/videos/batch-metadata", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	answer, err := p.send(r)
	if err != nil {
		return err
	}
	return p.take(answer, false)
}

type counters struct {
	Videos map[string]map[string]int64 `json:"videos"`
	Reset  bool                        `json:"reset"`
}

// send returns nil for a 304.
func (p *poller) send(r *http.Request) (*counters, error) {
	if p.position != "" {
		r.Header.Set("Tidemark-After", p.position)
	}
	w := httptest.NewRecorder()
	p.server.ServeHTTP(w, r)
	if w.Code != http.StatusOK && w.Code != http.StatusNotModified {
		return nil, fmt.Errorf("%s: status %d %s", r.Method, w.Code, w.Body)
	}
	p.position = w.Header().Get("Tidemark-Position")
	if w.Code == http.StatusNotModified {
		return nil, nil
	}
	if tag := w.Header().Get("ETag"); tag != "" {
		p.etag = tag
	}
	var answer counters
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		return nil, err
	}
	return &answer, nil
}

func (p *poller) take(answer *counters, whole bool) error {
	if answer.Reset {
		p.resets++
	}
	for id, now := range answer.Videos {
		for name, before := range p.counts[id] {
			if now[name] < before {
				return fmt.Errorf("video %s: %s went from %d to %d", id, name, before, now[name])
			}
		}
		p.counts[id] = now
	}
	if whole || answer.Reset {
		for id := range p.counts {
			if answer.Videos[id] == nil {
				return fmt.Errorf("video %s is gone", id)
			}
		}
	}
	return nil
}

// trace commits a real trace, some events at a time, and returns its videos.
func (s *service) trace(limit int) (ids []string, rest func()) {
	s.t.Helper()
	trace, err := load.ReadTrace("../../cmd/tidemark/load/testdata/kuairand-cut.ndjson", "")
	if err != nil {
		s.t.Fatal(err)
	}
	var reader events.CloudEventReader
	commit := func(lines [][]byte) {
		for len(lines) > 0 {
			n := min(50, len(lines))
			in, err := reader.Read(bytes.Join(lines[:n], []byte("\n")), events.CloudEventLines, events.CloudEventRules{Now: time.Now()})
			if err != nil {
				s.t.Error(err)
				return
			}
			c := events.Command{ID: numbered[events.CommandID]('t', len(lines)), Kind: events.IngestEvents, Time: events.TimeOf(time.Now()), Events: in.Events}
			if _, err := s.writer.Commit(testContext(s.t), events.Entry{Bytes: append(events.AppendCommand(nil, c), in.Frames...), Events: in.Events}); err != nil {
				s.t.Error(err)
				return
			}
			lines = lines[n:]
		}
	}
	commit(trace.Events[:limit])
	s.end()
	m := s.p.Model()
	for n := range min(40, m.Videos.Len()) {
		ids = append(ids, m.Videos.ID(uint32(n)).String())
	}
	return ids, func() { commit(trace.Events[limit:]) }
}

// A trace is rebuilt, switched to, gone back from and rebuilt again, while readers
// poll and events come: no read fails, and no counter goes back.
func TestReadersNoticeNothingOfARebuild(t *testing.T) {
	s := newService(t)
	ids, rest := s.trace(2000)
	server := s.queries()
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	var polls, resets atomic.Int64
	for range 3 {
		work.Go(func() {
			p := &poller{server: server, ids: ids, counts: map[string]map[string]int64{}}
			for ctx.Err() == nil {
				before := p.resets
				if err := p.poll(); err != nil {
					t.Error(err)
					return
				}
				polls.Add(1)
				resets.Add(int64(p.resets - before))
			}
		})
	}
	work.Go(rest)
	for range 2 {
		if r := s.rebuild(replay.RebuildOptions{}); !r.Switched || !r.Equal {
			t.Errorf("%+v", r)
		}
		back := s.done(s.runs.StartRollback(testContext(t), replay.RollbackOptions{})).Result.(*replay.RebuildResult)
		if !back.Switched || !back.Equal {
			t.Errorf("%+v", back)
		}
	}
	s.until("they have polled, and been told of a switch", func() bool { return t.Failed() || polls.Load() >= 100 && resets.Load() > 0 })
	stop()
	work.Wait()
	s.recounted("in the end")
}
