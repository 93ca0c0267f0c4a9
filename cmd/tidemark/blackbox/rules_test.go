package blackbox

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var positionPattern = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// queryPosts are the POST routes that ask and change nothing.
var queryPosts = []string{"/v1/videos/batch-metadata", "/v1/ai/jobs/batch-status", "/v1/notifications/batch-status"}

func (a *Answer) isCommand() bool {
	if a.Method == http.MethodGet || a.Method == http.MethodHead {
		return false
	}
	path, _, _ := strings.Cut(a.Path, "?")
	for _, query := range queryPosts {
		if strings.TrimSuffix(path, "/") == query {
			return false
		}
	}
	return true
}

// obeysRules checks what holds for every answer, whatever was asked.
func (a *Answer) obeysRules(r *http.Request, sent []byte) {
	a.t.Helper()
	switch {
	case a.Status >= 500 && a.Status != http.StatusServiceUnavailable:
		a.t.Errorf("%s %s: status %d: %s", a.Method, clip(a.Path), a.Status, clip(string(a.Body)))
	case a.Status >= 400:
		a.isProblem()
		a.echoesLittle(r, sent)
	case a.Method == http.MethodOptions: // a preflight is no answer of the API
	case (a.Status/100 == 2 || a.Status == http.StatusNotModified) && strings.HasPrefix(a.Path, "/v1/"):
		a.saysWhereItStands()
	}
	if a.Status == http.StatusNotModified && len(a.Body) > 0 {
		a.t.Errorf("%s %s: 304 with a body", a.Method, clip(a.Path))
	}
	a.fitsDocument(r, sent)
}

// problem is an RFC 9457 document.
type problem struct {
	Type, Title, Detail string
	Status              int
	Errors              []struct{ Pointer, Detail string }
}

func (a *Answer) isProblem() {
	a.t.Helper()
	if media := a.Header.Get("Content-Type"); media != "application/problem+json" {
		a.t.Errorf("%s %s: status %d is %q, want application/problem+json", a.Method, clip(a.Path), a.Status, media)
		return
	}
	if a.Method != http.MethodHead {
		p := a.problem()
		if !strings.HasPrefix(p.Type, "https://tidemark.io/problems/") || p.Title == "" || p.Detail == "" || p.Status != a.Status {
			a.t.Errorf("%s %s: the problem document of status %d is %s", a.Method, clip(a.Path), a.Status, a.Body)
		}
	}
	needs := map[int]string{401: "Www-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}[a.Status]
	if needs != "" && a.Header.Get(needs) == "" {
		a.t.Errorf("%s %s: status %d without %s", a.Method, clip(a.Path), a.Status, needs)
	}
	if challenge := a.Header.Get("Www-Authenticate"); a.Status == 401 && !strings.HasPrefix(challenge, "Bearer") {
		a.t.Errorf("%s %s: WWW-Authenticate: %s, want Bearer", a.Method, clip(a.Path), challenge)
	}
}

func (a *Answer) problem() problem {
	a.t.Helper()
	var p problem
	if err := json.Unmarshal(a.Body, &p); err != nil {
		a.t.Fatalf("%s %s: status %d with body %s: %v", a.Method, clip(a.Path), a.Status, clip(string(a.Body)), err)
	}
	return p
}

// saysWhereItStands checks position and freshness.
func (a *Answer) saysWhereItStands() {
	a.t.Helper()
	if position := a.Header.Get("Tidemark-Position"); !positionPattern.MatchString(position) {
		a.t.Errorf("%s %s: Tidemark-Position is %q", a.Method, clip(a.Path), position)
	}
	if a.isCommand() {
		return
	}
	asOf := a.Header.Get("Tidemark-As-Of")
	if _, err := time.Parse(time.RFC3339Nano, asOf); err != nil {
		a.t.Errorf("%s %s: Tidemark-As-Of is %q, want RFC 3339", a.Method, clip(a.Path), asOf)
	}
	pace := a.Header.Get("Tidemark-Poll-After")
	if seconds, err := strconv.Atoi(pace); err != nil || seconds < 1 {
		a.t.Errorf("%s %s: Tidemark-Poll-After is %q, want whole seconds", a.Method, clip(a.Path), pace)
	}
}

// maxEcho is how many characters of the input an error may repeat.
const maxEcho = 64

// echoesLittle fails the test where a refusal repeats a long part of what came in.
func (a *Answer) echoesLittle(r *http.Request, sent []byte) {
	a.t.Helper()
	input := a.Path + "\n" + string(sent[:min(len(sent), 64<<10)])
	for _, values := range r.Header {
		input += "\n" + strings.Join(values, "\n")
	}
	for _, text := range []string{string(a.Body), plainText(a.Body), strings.Join(a.Header["Www-Authenticate"], " ")} {
		if echo := longestEcho(text, input); echo != "" {
			a.t.Errorf("%s %s: the answer repeats more than %d characters of the input: %s", a.Method, clip(a.Path), maxEcho, echo)
		}
	}
}

// plainText is the texts of a problem document without JSON's escapes.
func plainText(body []byte) string {
	var p problem
	_ = json.Unmarshal(body, &p)
	text := p.Detail
	for _, e := range p.Errors {
		text += "\n" + e.Pointer + "\n" + e.Detail
	}
	return text
}

// longestEcho returns a part of text, longer than maxEcho, that input holds.
func longestEcho(text, input string) string {
	runes := []rune(text)
	for i := 0; i+maxEcho < len(runes); i++ {
		if window := string(runes[i : i+maxEcho+1]); strings.Contains(input, window) {
			return window
		}
	}
	return ""
}
