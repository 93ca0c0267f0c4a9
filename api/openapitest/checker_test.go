package openapitest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/api"
)

func newChecker(t *testing.T) *Checker {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	someID       = "018f3c1e-9a5b-7c3d-8e2f-1a2b3c4d5e6f"
	somePosition = "AXmZr1QqT0e8"
)

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func fresh(more ...string) http.Header {
	return headers(append([]string{"Content-Type", "application/json", "Tidemark-Position", somePosition,
		"Tidemark-As-Of", "2026-11-22T12:00:00.250Z", "Tidemark-Poll-After", "5"}, more...)...)
}

func problem(slug api.Slug, status string) string {
	return `{"type":"https://tidemark.io/problems/` + string(slug) + `","title":"t","status":` + status + `,"detail":"d"}`
}

func TestCheck(t *testing.T) {
	c := newChecker(t)
	problemType := headers("Content-Type", "application/problem+json")
	counters := `{"view_count":1,"like_count":0,"comment_count":0,"remix_count":0,"glitch_count":0}`
	ask := `{"video_ids":["` + someID + `"]}`
	upper := strings.ToUpper(someID)
	for _, tt := range []struct {
		name         string
		method, path string
		sent         string
		status       int
		header       http.Header
		body         string
		want         string // a part of the error; "" for none
	}{
		{"counters", "POST", "/v1/videos/batch-metadata", ask, 200, fresh(), `{"videos":{"` + someID + `":` + counters + `}}`, ""},
		{"upper case key", "POST", "/v1/videos/batch-metadata/", ask, 200, fresh(), `{"videos":{"` + upper + `":` + counters + `}}`, ""},
		{"a counter is missing", "POST", "/v1/videos/batch-metadata", ask, 200, fresh(), `{"videos":{"` + someID + `":{"view_count":1}}}`, "like_count"},
		{"a member too many", "POST", "/v1/videos/batch-metadata", ask, 200, fresh(), `{"videos":{},"count":1}`, "count"},
		{"a member twice", "POST", "/v1/videos/batch-metadata", ask, 200, fresh(), `{"videos":{},"videos":{}}`, "videos"},
		{"a key that is no UUID", "POST", "/v1/videos/batch-metadata", ask, 200, fresh(), `{"videos":{"x":` + counters + `}}`, "uuid"},
		{"a negative count", "POST", "/v1/videos/batch-metadata", ask, 200, fresh(), `{"videos":{"` + someID + `":` + strings.Replace(counters, "1", "-1", 1) + `}}`, "minimum"},
		{"no position", "POST", "/v1/videos/batch-metadata", ask, 200, headers("Content-Type", "application/json"), `{"videos":{}}`, "Tidemark-Position is missing"},
		{"bad pace", "POST", "/v1/videos/batch-metadata", ask, 200, headers("Content-Type", "application/json", "Tidemark-Position", somePosition, "Tidemark-As-Of", "2026-11-22T12:00:00Z", "Tidemark-Poll-After", "soon"), `{"videos":{}}`, "Tidemark-Poll-After"},
		{"wrong media type", "POST", "/v1/videos/batch-metadata", ask, 200, headers("Content-Type", "text/html"), `{"videos":{}}`, "media type"},
		{"undocumented status", "POST", "/v1/videos/batch-metadata", ask, 201, fresh(), `{"videos":{}}`, "status is not documented"},
		{"a request stricter in the document", "POST", "/v1/videos/batch-metadata", `{"ids":[]}`, 200, fresh(), `{"videos":{}}`, "request was taken"},
		{"freshness of a command", "PUT", "/v1/videos/" + someID + "/like", "", 202, fresh(), `{"position":"` + somePosition + `"}`, "Tidemark-As-Of is not documented"},
		{"a command", "PUT", "/v1/videos/" + someID + "/like", `{"at":null}`, 202, headers("Content-Type", "application/json", "Tidemark-Position", somePosition), `{"position":"` + somePosition + `"}`, ""},
		{"ids in the query", "GET", "/v1/videos/batch-metadata?ids=" + someID + "," + upper, "", 200, fresh("ETag", `"abc"`), `{"videos":{}}`, ""},
		{"no ids in the query", "GET", "/v1/videos/batch-metadata?ids=", "", 200, fresh("ETag", `"abc"`), `{"videos":{}}`, ""},
		{"weak ETag", "GET", "/v1/videos/batch-metadata?ids=", "", 200, fresh("ETag", `W/"abc"`), `{"videos":{}}`, "ETag"},
		{"not modified", "GET", "/v1/videos/batch-metadata?ids=", "", 304, headers("ETag", `"abc"`, "Tidemark-Position", somePosition, "Tidemark-As-Of", "2026-11-22T12:00:00Z", "Tidemark-Poll-After", "5"), "", ""},
		{"not modified with a body", "GET", "/v1/videos/batch-metadata?ids=", "", 304, headers("ETag", `"abc"`, "Tidemark-Position", somePosition, "Tidemark-As-Of", "2026-11-22T12:00:00Z", "Tidemark-Poll-After", "5"), "{}", "no body"},
		{"limit out of range, and taken", "GET", "/v1/videos/trending?limit=201", "", 200, fresh(), `{"videos":[]}`, "limit"},
		{"HEAD", "HEAD", "/v1/videos/trending", "", 200, fresh(), "", ""},
		{"a problem", "POST", "/v1/videos/batch-metadata", "", 400, problemType, problem(api.BadJSON, "400"), ""},
		{"a problem of another status", "POST", "/v1/videos/batch-metadata", "", 400, problemType, problem(api.NotFound, "400"), "not documented for this status"},
		{"a problem that says another status", "POST", "/v1/videos/batch-metadata", "", 400, problemType, problem(api.BadJSON, "404"), "says status 404"},
		{"a problem of an unknown type", "POST", "/v1/videos/batch-metadata", "", 400, problemType, problem("odd", "400"), "body"},
		{"a query does not store", "POST", "/v1/videos/batch-metadata", "", 503, headers("Content-Type", "application/problem+json", "Retry-After", "2"), problem(api.StorageFull, "503"), "not documented"},
		{"503 without Retry-After", "POST", "/v1/videos/batch-metadata", "", 503, problemType, problem(api.NotReady, "503"), "Retry-After is missing"},
		{"unknown path", "GET", "/v1/nothing", "", 404, problemType, problem(api.NotFound, "404"), ""},
		{"unknown path, answered", "GET", "/v1/nothing", "", 200, headers(), "", "status must be 404"},
		{"dot segments lead nowhere", "GET", "/v1/blocks/../blocks", "", 404, problemType, problem(api.NotFound, "404"), ""},
		{"unknown method", "PUT", "/v1/blocks", "", 405, headers("Content-Type", "application/problem+json", "Allow", "HEAD, GET"), problem(api.MethodNotAllowed, "405"), ""},
		{"unknown method, Allow wrong", "PUT", "/v1/blocks", "", 405, headers("Content-Type", "application/problem+json", "Allow", "GET, POST"), problem(api.MethodNotAllowed, "405"), "Allow"},
		{"refused by net/http", "GET", "/v1/blocks", "", 431, headers("Content-Type", "text/plain; charset=utf-8"), "431", ""},
		{"metrics elsewhere", "GET", "/metrics", "", 404, problemType, problem(api.NotFound, "404"), ""},
		{"metrics", "GET", "/metrics", "", 200, headers("Content-Type", "text/plain; version=0.0.4"), "tidemark_up 1\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequest(tt.method, "http://localhost"+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = c.Check(r, []byte(tt.sent), tt.status, tt.header, []byte(tt.body))
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestCompareNamesEveryDifference(t *testing.T) {
	c := newChecker(t)
	var served []api.Route
	for _, r := range c.Routes() {
		served = append(served, api.Route{Method: r.Method, Path: r.Path, Access: r.Access})
	}
	if err := c.Compare(served); err != nil {
		t.Errorf("the documented routes differ from themselves: %v", err)
	}
	for i := range served {
		if served[i].Path == "/v1/videos/:id/views" {
			served[i].Access = api.Anyone
			served[i].Path = "/v1/videos/:video/views"
		}
	}
	if err := c.Compare(served); err != nil {
		t.Errorf("anonymous views are an option: %v", err)
	}
	served[0].Access ^= api.Admin
	missing := served[1]
	served[1] = api.Route{Method: "POST", Path: "/v1/extra", Access: api.Anyone}
	err := c.Compare(served)
	if err == nil {
		t.Fatal("no difference found")
	}
	for _, want := range []string{
		served[0].Path + " is served with access", missing.Path + " is documented and not served", "/v1/extra is served and not documented",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}
