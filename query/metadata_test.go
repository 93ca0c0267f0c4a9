package query

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

const metadataPath = "/v1/videos/batch-metadata"

// metadataWorld has video 1 with 2 views, 1 like, 1 comment; video 2 with a
// remix; video 3 deleted; video 4 deleted before it was seen.
func metadataWorld(t testing.TB, change ...func(*Config)) *world {
	w := newWorld(t, change...)
	at := events.TimeOf(testStart)
	w.fold(func(m *readmodel.Model, step func() events.Position) {
		step()
		m.AddView(videoID(1), at)
		step()
		m.AddView(videoID(1), at)
		step()
		m.SetLike(events.VideoLike{Video: videoID(1), User: alice}, readmodel.When{Time: at}, true)
		step()
		m.CreateItem(readmodel.Item{Video: videoID(1), Kind: events.Comments, ID: events.ItemID{1}}, alice)
		step()
		m.CreateItem(readmodel.Item{Video: videoID(2), Kind: events.Remixes, ID: events.ItemID{2}}, alice)
		step()
		m.AddView(videoID(3), at)
		step()
		m.SetDeleted(videoID(3), true)
		step()
		m.SetDeleted(videoID(4), true)
	})
	return w
}

func TestBatchMetadataAnswers(t *testing.T) {
	w := metadataWorld(t)
	one, two := counts(2, 1, 1, 0, 0), counts(0, 0, 0, 1, 0)
	upper := strings.ToUpper(vid(1))
	escaped := `\u00` + fmt.Sprintf("%x", vid(1)[0]) + vid(1)[1:]
	full := `{"videos":{"` + vid(1) + `":` + one + `,"` + vid(2) + `":` + two + `}}`
	cases := []struct {
		name, body, want string
	}{
		{"empty list", `{"video_ids":[]}`, `{"videos":{}}`},
		{"known, unknown, deleted, deleted unseen", idsBody("video_ids", vid(1), vid(9), vid(2), vid(3), vid(4)), full},
		{"the same spelling twice is one entry", idsBody("video_ids", vid(1), vid(1)), `{"videos":{"` + vid(1) + `":` + one + `}}`},
		{"each spelling has its entry", idsBody("video_ids", vid(1), upper, vid(1), upper),
			`{"videos":{"` + vid(1) + `":` + one + `,"` + upper + `":` + one + `}}`},
		{"an escaped string is what it stands for", `{"video_ids":["` + escaped + `","` + vid(1) + `"]}`, `{"videos":{"` + vid(1) + `":` + one + `}}`},
		{"white space", " {\n\t\"video_ids\" : [ \"" + vid(2) + "\" ] } ", `{"videos":{"` + vid(2) + `":` + two + `}}`},
	}
	for _, c := range cases {
		got := w.do("POST", metadataPath, c.body)
		w.want(got, http.StatusOK, "")
		if got.text != c.want {
			t.Errorf("%s: answer\n%s\nwant\n%s", c.name, got.text, c.want)
		}
		if got.Header.Get("Tidemark-Position") != w.token() {
			t.Errorf("%s: position %s, want %s", c.name, got.Header.Get("Tidemark-Position"), w.token())
		}
		if got.Header.Get("Tidemark-Poll-After") != "5" || got.Header.Get("Tidemark-As-Of") == "" {
			t.Errorf("%s: freshness headers are missing: %v", c.name, got.Header)
		}
	}
}

func TestBatchMetadataRefusals(t *testing.T) {
	w := metadataWorld(t, func(cfg *Config) { cfg.MaxBatch = 3 })
	good := `"` + vid(1) + `"`
	cases := []struct {
		name, body string
		slug       api.Slug
		pointer    string
	}{
		{"empty body", "", api.BadJSON, ""},
		{"not JSON", "{", api.BadJSON, ""},
		{"trailing data", `{"video_ids":[]} x`, api.BadJSON, ""},
		{"duplicate member", `{"video_ids":[],"video_ids":[]}`, api.BadJSON, ""},
		{"duplicate by escape", `{"video_ids":[],"video\u005fids":[]}`, api.BadJSON, ""},
		{"invalid UTF-8", "{\"video_ids\":[\"\xff\"]}", api.BadJSON, ""},
		{"syntax goes before content", `{"video_ids":["x"],"other":1,}`, api.BadJSON, ""},
		{"not an object", `[]`, api.InvalidContent, ""},
		{"missing", `{}`, api.InvalidContent, ""},
		{"null list", `{"video_ids":null}`, api.InvalidContent, "/video_ids"},
		{"list of another type", `{"video_ids":{}}`, api.InvalidContent, "/video_ids"},
		{"unknown member", `{"video_ids":[],"is_admin":true}`, api.InvalidContent, "/is_admin"},
		{"other case of a member", `{"Video_ids":[]}`, api.InvalidContent, "/Video_ids"},
		{"not a UUID", `{"video_ids":[` + good + `,"x"]}`, api.InvalidContent, "/video_ids/1"},
		{"wrapped UUID", `{"video_ids":["{` + vid(1)[2:] + `}"]}`, api.InvalidContent, "/video_ids/0"},
		{"a number", `{"video_ids":[1]}`, api.InvalidContent, "/video_ids/0"},
		{"null entry", `{"video_ids":[` + good + `,null]}`, api.InvalidContent, "/video_ids/1"},
		{"counted as sent", `{"video_ids":[` + strings.Repeat(good+",", 3) + good + `]}`, api.InvalidContent, "/video_ids"},
		{"since malformed", `{"since":"abc","video_ids":[]}`, api.InvalidContent, "/since"},
		{"since empty", `{"video_ids":[],"since":""}`, api.InvalidContent, "/since"},
		{"since null", `{"video_ids":[],"since":null}`, api.InvalidContent, "/since"},
		{"since of another type", `{"video_ids":[],"since":5}`, api.InvalidContent, "/since"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			w.wantProblem(w.do("POST", metadataPath, c.body), c.slug, c.pointer)
		})
	}
	w.t = t
	w.want(w.do("POST", metadataPath, `{"video_ids":[`+good+","+good+","+good+`]}`), 200, "")
	w.wantProblem(w.do("POST", metadataPath+"?since=x", `{"video_ids":[]}`), api.InvalidContent, "")
	w.wantProblem(w.do("POST", metadataPath+"?since=x", `{`), api.BadJSON, "")
	w.wantProblem(w.do("POST", metadataPath, `{"video_ids":[]}`, "Authorization", "Bearer x"), api.Unauthorized, "")
}

func TestGetBatchMetadata(t *testing.T) {
	w := metadataWorld(t, func(cfg *Config) { cfg.MaxBatch = 3 })
	one := counts(2, 1, 1, 0, 0)
	upper := strings.ToUpper(vid(1))
	cases := []struct{ name, query, want string }{
		{"one", "?ids=" + vid(1), `{"videos":{"` + vid(1) + `":` + one + `}}`},
		{"escaped comma, two spellings", "?ids=" + vid(1) + "%2C" + upper, `{"videos":{"` + vid(1) + `":` + one + `,"` + upper + `":` + one + `}}`},
		{"escaped name", "?i%64s=" + vid(1), `{"videos":{"` + vid(1) + `":` + one + `}}`},
		{"empty list", "?ids=", `{"videos":{}}`},
		{"empty pairs", "?&ids=&", `{"videos":{}}`},
		{"unchanged poll", "?ids=" + vid(1) + "&since=" + w.token(), `{"videos":{}}`},
	}
	for _, c := range cases {
		got := w.do("GET", metadataPath+c.query, "")
		if w.want(got, 200, c.want); got.text != c.want || got.Header.Get("Etag") == "" {
			t.Errorf("%s: %s with ETag %q", c.name, got.text, got.Header.Get("Etag"))
		}
	}
	refused := []string{
		"", "?since=" + w.token(), "?ids=x", "?ids=" + vid(1) + ",", "?ids=" + vid(1) + "&ids=" + vid(2),
		"?ids=&since=x", "?ids=&since=", "?ids=&since=" + w.token() + "&since=" + w.token(), "?ids=&limit=1", "?ids=%zz",
		"?ids=" + strings.Join([]string{vid(1), vid(1), vid(1), vid(1)}, ","), "?ids=+" + vid(1),
	}
	for _, q := range refused {
		w.wantProblem(w.do("GET", metadataPath+q, ""), api.InvalidContent, "")
	}
}

func TestMetadataETag(t *testing.T) {
	w := metadataWorld(t)
	tagOf := func(q string) string {
		got := w.do("GET", metadataPath+q, "")
		w.want(got, 200, "")
		return got.Header.Get("Etag")
	}
	list := "?ids=" + vid(1) + "," + vid(2) + "," + vid(3) + "," + vid(9)
	tag := tagOf(list)
	if len(tag) != 24 || tag[0] != '"' {
		t.Fatalf("ETag %s is not 128 bits in quotes", tag)
	}
	others := map[string]string{
		"order":        "?ids=" + vid(2) + "," + vid(1) + "," + vid(3) + "," + vid(9),
		"spelling":     "?ids=" + strings.ToUpper(vid(1)) + "," + vid(2) + "," + vid(3) + "," + vid(9),
		"since":        list + "&since=" + w.token(),
		"reset":        list + "&since=" + events.Token{Incarnation: otherLog}.String(),
		"unknown left": "?ids=" + vid(1) + "," + vid(2) + "," + vid(3),
	}
	for name, q := range others {
		if tagOf(q) == tag {
			t.Errorf("the ETag does not depend on %s", name)
		}
	}
	for value, status := range map[string]int{
		tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200, tag[1 : len(tag)-1]: 200,
	} {
		got := w.do("GET", metadataPath+list, "", "If-None-Match", value)
		if w.want(got, status, ""); status != 304 {
			continue
		}
		h := got.Header
		if h.Get("Etag") != tag || h.Get("Tidemark-Position") != w.token() || h.Get("Tidemark-As-Of") == "" || got.text != "" {
			t.Errorf("304 for %s carries %v", value, h)
		}
	}
	changes := []func(){
		func() { w.view(1) }, func() { w.view(9) }, func() { w.setDeleted(3, false) }, func() { w.setDeleted(2, true) },
	}
	for i, change := range changes {
		change()
		next := tagOf(list)
		if next == tag {
			t.Errorf("change %d left the ETag alone", i)
		}
		tag = next
	}
	w.view(2) // hidden
	w.view(8) // not listed
	if tagOf(list) != tag {
		t.Error("a change that the answer does not show changed the ETag")
	}
	again := newWorld(t) // another process that folds the same log
	again.model = w.model
	if got := again.do("GET", metadataPath+list, ""); got.Header.Get("Etag") != tag {
		t.Error("the ETag is another one after a restart")
	}
}

func TestSince(t *testing.T) {
	w := metadataWorld(t)
	all := []string{vid(1), vid(2), vid(3), vid(4), vid(9)}
	entry := func(n int, c string) string { return `"` + vid(n) + `":` + c }
	poll := func(since string) reply { return w.do("POST", metadataPath, sinceBody(since, all...)) }

	start := w.token()
	w.want(poll(start), 200, `{"videos":{}}`)
	w.view(2)
	w.want(poll(start), 200, `{"videos":{`+entry(2, counts(1, 0, 0, 1, 0))+`}}`)
	before := w.token()
	w.want(poll(before), 200, `{"videos":{}}`)

	w.setDeleted(1, true)
	upper := strings.ToUpper(vid(1))
	all = append(all, upper)
	w.want(poll(before), 200, `{"videos":{},"removed":["`+vid(1)+`","`+upper+`"]}`)
	w.want(poll(start), 200, `{"videos":{`+entry(2, counts(1, 0, 0, 1, 0))+`},"removed":["`+vid(1)+`","`+upper+`"]}`)
	deleted := w.token()
	w.view(1) // hidden: nobody is told
	w.want(poll(deleted), 200, `{"videos":{}}`)
	w.setDeleted(1, false)
	w.want(poll(deleted), 200, `{"videos":{`+entry(1, counts(3, 1, 1, 0, 0))+`,"`+upper+`":`+counts(3, 1, 1, 0, 0)+`}}`)
	w.view(4) // deleted before it was seen, and still hidden
	w.want(poll(start), 200, `{"videos":{`+entry(1, counts(3, 1, 1, 0, 0))+`,"`+upper+`":`+counts(3, 1, 1, 0, 0)+`,`+entry(2, counts(1, 0, 0, 1, 0))+`}}`)
	w.want(w.do("GET", metadataPath+query("ids", vid(2), "since", start), ""), 200, `{"videos":{`+entry(2, counts(1, 0, 0, 1, 0))+`}}`)
}

func TestSinceReset(t *testing.T) {
	w := metadataWorld(t)
	at := w.Snapshot().At
	full := `{"videos":{"` + vid(1) + `":` + counts(2, 1, 1, 0, 0) + `}`
	ahead := events.Position{Seq: at.Seq + 5, Index: 1}
	token := func(change func(*events.Token)) string {
		v := w.Snapshot().Token(at)
		change(&v)
		return v.String()
	}
	cases := []struct {
		name, since string
		reset       bool
	}{
		{"another incarnation", token(func(v *events.Token) { v.Incarnation = otherLog }), true},
		{"another generation", token(func(v *events.Token) { v.Generation++ }), true},
		{"a lost tail", token(func(v *events.Token) { v.Tag++ }), true},
		{"a place behind the end of a batch", token(func(v *events.Token) { v.Floor.Index++; v.Ceiling.Index++ }), true},
		{"tag unknown", token(func(v *events.Token) { v.Tag = 0 }), false},
		{"merely ahead", token(func(v *events.Token) { v.Floor, v.Ceiling = ahead, ahead }), false},
		{"ceiling ahead", token(func(v *events.Token) { v.Ceiling = ahead }), false},
	}
	for _, c := range cases {
		want := `{"videos":{}}`
		if c.reset {
			want = full + `,"reset":true}`
		}
		if got := w.do("POST", metadataPath, sinceBody(c.since, vid(1), vid(3))); got.StatusCode != 200 || got.text != want {
			t.Errorf("%s: %d %s, want %s", c.name, got.StatusCode, got.text, want)
		}
	}
	w.want(w.do("POST", metadataPath, sinceBody(token(func(v *events.Token) { v.Floor, v.Ceiling, v.Tag = events.Position{}, events.Position{}, 0 }), vid(1))), 200, full+`}`)
}

func TestAnswerBegunWhileTheFoldGoesOn(t *testing.T) {
	w := metadataWorld(t)
	before := w.Snapshot().At
	w.fold(func(m *readmodel.Model, step func() events.Position) {
		at := step()
		m.AddView(videoID(1), events.TimeOf(testStart))
		got := w.do("POST", metadataPath, idsBody("video_ids", vid(1)))
		w.want(got, 200, `{"videos":{"`+vid(1)+`":`+counts(3, 1, 1, 0, 0)+`}}`)
		token, err := events.ParseToken(got.Header.Get("Tidemark-Position"))
		if err != nil || token.Floor != before || token.Ceiling != at {
			t.Errorf("position %+v, want floor %v and ceiling %v", token, before, at)
		}
	})
}

func TestManyIDs(t *testing.T) {
	w := newWorld(t)
	random := rand.New(rand.NewPCG(1, 2))
	w.fold(func(m *readmodel.Model, step func() events.Position) {
		for i := range 900 {
			step()
			m.AddView(videoID(i), events.TimeOf(testStart))
		}
	})
	for _, ids := range []func(i int) int{
		func(i int) int { return i },       // all distinct
		func(i int) int { return i % 300 }, // three spellings each
		func(int) int { return 5 },         // a thousand spellings of one
	} {
		var list []string
		want := map[string]int{}
		for i := range DefaultMaxBatch {
			text := respell(vid(ids(i)), random)
			list = append(list, text)
			if ids(i) < 900 {
				want[text] = 1
			}
		}
		got := w.do("POST", metadataPath, idsBody("video_ids", list...))
		w.want(got, 200, "")
		if err := strictjson.Check([]byte(got.text)); err != nil {
			t.Fatalf("the answer is no strict JSON: %v", err)
		}
		var answer struct {
			Videos map[string]struct {
				Views int `json:"view_count"`
			}
		}
		if err := json.Unmarshal([]byte(got.text), &answer); err != nil {
			t.Fatal(err)
		}
		if len(answer.Videos) != len(want) {
			t.Fatalf("%d entries, want %d", len(answer.Videos), len(want))
		}
		for text := range want {
			if answer.Videos[text].Views != 1 {
				t.Fatalf("entry %s: %+v", text, answer.Videos[text])
			}
		}
	}
	w.wantProblem(w.do("POST", metadataPath, idsBody("video_ids", strings.Split(strings.Repeat(vid(1)+",", DefaultMaxBatch)+vid(2), ",")...)),
		api.InvalidContent, "/video_ids")
}
