package query

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

const trendingPath = "/v1/videos/trending"

// order returns the numbers of the videos in a trending answer with their scores.
func order(w *world, query string, headers ...string) string {
	w.t.Helper()
	got := w.do("GET", trendingPath+query, "", headers...)
	w.want(got, 200, "")
	var answer struct {
		Videos []struct {
			ID    string `json:"video_id"`
			Score int
			Views *int `json:"view_count"`
		}
	}
	if err := json.Unmarshal([]byte(got.text), &answer); err != nil {
		w.t.Fatal(err)
	}
	var text []string
	for _, v := range answer.Videos {
		id := events.VideoID{}
		if !events.ParseUUID((*[16]byte)(&id), v.ID) || v.Views == nil {
			w.t.Fatalf("entry %+v", v)
		}
		text = append(text, fmt.Sprintf("%d:%d", int(id[14])<<8|int(id[15]), v.Score))
	}
	return strings.Join(text, " ")
}

func (w *world) viewsAt(n, times int, at time.Time) {
	w.t.Helper()
	w.fold(func(m *readmodel.Model, step func() events.Position) {
		for range times {
			step()
			m.AddView(videoID(n), events.TimeOf(at))
		}
	})
}

func TestTrending(t *testing.T) {
	w := newWorld(t)
	w.viewsAt(1, 5, testStart.Add(-30*time.Minute))
	w.viewsAt(2, 7, testStart.Add(-5*time.Hour))
	w.viewsAt(3, 9, testStart.Add(-3*24*time.Hour))
	w.viewsAt(4, 11, testStart.Add(-30*24*time.Hour))
	w.viewsAt(5, 20, testStart)
	w.viewsAt(6, 5, testStart) // the same score as 1: the ID decides
	w.viewsAt(7, 5, testStart)
	w.viewsAt(7, 1, testStart.Add(-40*24*time.Hour)) // more views in all
	w.setDeleted(5, true)
	w.fold(func(m *readmodel.Model, step func() events.Position) {
		for n, likers := range []int{0, 1, 3, 2} {
			for u := range likers {
				step()
				m.SetLike(events.VideoLike{Video: videoID(n), User: userID(u)}, readmodel.When{Time: events.TimeOf(testStart)}, true)
			}
		}
		step()
		m.SetLike(events.VideoLike{Video: videoID(2), User: userID(0)}, readmodel.When{Time: events.TimeOf(testStart) + 1}, false)
	})
	for query, want := range map[string]string{
		"?window=1h":             "7:5 1:5 6:5",
		"?window=24h":            "2:7 7:5 1:5 6:5",
		"":                       "2:7 7:5 1:5 6:5",
		"?window=7d&by=views":    "3:9 2:7 7:5 1:5 6:5",
		"?window=7d&limit=2":     "3:9 2:7",
		"?window=1h&by=likes":    "3:2 2:2 1:1",
		"?by=likes&limit=1":      "3:2",
		"?by=likes&window=7d":    "3:2 2:2 1:1",
		"?limit=200&window=%31h": "7:5 1:5 6:5",
	} {
		if got := order(w, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	got := w.do("GET", trendingPath+"?limit=1&by=likes", "")
	w.want(got, 200, `{"videos":[{"video_id":"`+vid(3)+`","score":2,"view_count":9,"like_count":2,"comment_count":0,"remix_count":0,"glitch_count":0}]}`)
	if got.Header.Get("Tidemark-Position") != w.token() {
		t.Errorf("position %s", got.Header.Get("Tidemark-Position"))
	}
}

func TestTrendingIsKeptForASecond(t *testing.T) {
	w := newWorld(t)
	w.viewsAt(1, 2, testStart)
	w.viewsAt(2, 1, testStart)
	steps := []struct {
		name string
		do   func()
		want string
		head []string
	}{
		{"first", func() {}, "1:2 2:1", nil},
		{"kept", func() { w.viewsAt(2, 2, testStart) }, "1:2 2:1", nil},
		{"kept, but what is deleted is gone at once", func() { w.setDeleted(1, true) }, "2:1", nil},
		{"own writes are read", func() { w.setDeleted(1, false) }, "2:3 1:2", []string{"Tidemark-After", "now"}},
		{"kept for all", func() { w.viewsAt(1, 2, testStart) }, "2:3 1:2", nil},
		{"a second later", func() { w.advance(time.Second) }, "1:4 2:3", nil},
		{"an hour later", func() { w.advance(2 * time.Hour) }, "", nil},
	}
	for _, s := range steps {
		s.do()
		if s.head != nil {
			s.head[1] = w.token()
		}
		if got := order(w, "?window=1h", s.head...); got != s.want {
			t.Errorf("%s: %s, want %s", s.name, got, s.want)
		}
	}
}

func TestBestOfMany(t *testing.T) {
	w := newWorld(t)
	random := rand.New(rand.NewPCG(5, 6))
	type entry struct{ n, score, views int }
	var want []entry
	w.fold(func(m *readmodel.Model, step func() events.Position) {
		for n := range 2000 {
			e := entry{n, 1 + random.IntN(5), 0}
			for range e.score {
				step()
				m.AddView(videoID(n), events.TimeOf(testStart))
			}
			e.views = e.score + random.IntN(3)
			for range e.views - e.score {
				step()
				m.AddView(videoID(n), 0)
			}
			if n%7 == 0 {
				step()
				m.SetDeleted(videoID(n), true)
				continue
			}
			want = append(want, e)
		}
	})
	slices.SortFunc(want, func(a, b entry) int {
		return cmp.Or(b.score-a.score, b.views-a.views, a.n-b.n)
	})
	var text []string
	for _, e := range want[:200] {
		text = append(text, fmt.Sprintf("%d:%d", e.n, e.score))
	}
	if got := order(w, "?limit=200&window=1h"); got != strings.Join(text, " ") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(text, " "))
	}
}

func TestTrendingWhileTheFoldGoesOn(t *testing.T) {
	w := newWorld(t)
	w.viewsAt(1, 1, testStart)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for range 50 {
				after := w.token()
				got := w.do("GET", trendingPath+"?window=1h", "", "Tidemark-After", after)
				token, err := events.ParseToken(got.Header.Get("Tidemark-Position"))
				before, _ := events.ParseToken(after)
				if err != nil || got.StatusCode != 200 || token.Floor.Compare(before.Floor) < 0 {
					t.Errorf("%d, position %+v, asked for %+v: %v", got.StatusCode, token, before, err)
				}
			}
		})
	}
	stop := make(chan struct{})
	go func() { group.Wait(); close(stop) }()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
			w.viewsAt(n%50, 3, testStart)
		}
	}
}
