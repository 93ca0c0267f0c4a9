package blackbox

import (
	"strings"
	"testing"
)

// victim is a service with something in it, and a check that a refusal changed
// nothing of that.
type victim struct {
	*World
	user, admin, worker *Caller
	video, job          string
	read                func(*World) string
	before              string
	end                 string
}

func newVictim(t testing.TB) *victim {
	t.Helper()
	w := worldOf(t, start(t, "--cors-origin", pageOrigin))
	v := &victim{World: w, user: w.user(), admin: w.admin(), worker: w.service(), video: newID()}
	v.read = scenery(w)
	v.user.views(v.video)
	v.job = v.user.createsJob()
	v.before, v.end = v.read(w), v.logEnd()
	return v
}

func (v *victim) logEnd() string {
	v.t.Helper()
	return v.user.get("/v1/position").want(200).text("end")
}

// refused checks the status of an answer, and that nothing was written.
func (v *victim) refused(name string, a *Answer, statuses ...int) {
	v.t.Helper()
	fits := false
	for _, status := range statuses {
		fits = fits || a.Status == status
	}
	if !fits {
		v.t.Errorf("%s: %s %s: status %d, want %v: %s", name, a.Method, clip(a.Path), a.Status, statuses, clip(string(a.Body)))
	}
	v.unharmed(name)
}

// unharmed fails the test where the log has grown.
func (v *victim) unharmed(name string) {
	v.t.Helper()
	if end := v.logEnd(); end != v.end {
		v.t.Errorf("%s: the log has grown", name)
		v.end = end
	}
}

// whole fails the test where anything that can be seen has changed.
func (v *victim) whole() {
	v.t.Helper()
	if after := v.read(v.World); after != v.before {
		v.t.Errorf("the state has changed; it was\n%s\nand is\n%s", v.before, after)
	}
	v.wantCounts(v.video, counts{Views: 1})
	v.user.wantJob(v.job, nil)
}

// target is an endpoint that takes a body, and a body that it takes.
type target struct {
	who          *Caller
	method, path string
	good         string
	list         string // the member that is a list of IDs, if there is one
	media        string
	limit        int
	optional     bool // the first member may be absent or null
}

func (v *victim) targets() []target {
	id, reason := newID(), `"reason":"r"`
	return []target{
		{who: v.anonymous(), method: "POST", path: "/v1/videos/batch-metadata", good: `{"video_ids":["` + id + `"]}`, list: "video_ids"},
		{who: v.user, method: "POST", path: "/v1/ai/jobs/batch-status", good: `{"job_ids":["` + id + `"]}`, list: "job_ids"},
		{who: v.user, method: "POST", path: "/v1/notifications/batch-status", good: `{"notification_ids":["` + id + `"]}`, list: "notification_ids"},
		{who: v.user, method: "POST", path: "/v1/videos", good: `{"video_id":"` + id + `"}`},
		{who: v.user, method: "PUT", path: "/v1/videos/" + v.video + "/like", good: `{"at":"2026-01-01T00:00:00Z"}`, optional: true},
		{who: v.worker, method: "PUT", path: itemPath(v.video, "comments", id), good: `{"author_id":"` + id + `"}`, optional: true},
		{who: v.user, method: "POST", path: "/v1/ai/jobs", good: `{"job_id":"` + id + `"}`, optional: true},
		{who: v.worker, method: "PATCH", path: "/v1/ai/jobs/" + v.job, good: `{"progress":50}`},
		{who: v.worker, method: "POST", path: "/v1/ai/jobs/batch-update", good: `{"updates":[{"job_id":"` + v.job + `","progress":50}]}`},
		{who: v.worker, method: "POST", path: "/v1/notifications", good: `{"notifications":[{"user_id":"` + id + `","category":"c"}]}`},
		{who: v.user, method: "POST", path: "/v1/notifications/batch-mark-read", good: `{"notification_ids":["` + id + `"]}`, list: "notification_ids"},
		{who: v.user, method: "POST", path: "/v1/blocks/batch", good: `{"user_ids":["` + id + `"]}`, list: "user_ids"},
		{who: v.user, method: "POST", path: "/v1/blocks/batch-unblock", good: `{"user_ids":["` + id + `"]}`, list: "user_ids"},
		{who: v.admin, method: "POST", path: "/v1/admin/videos/batch-delete", good: `{"video_ids":["` + id + `"],` + reason + `}`, list: "video_ids"},
		{who: v.admin, method: "POST", path: "/v1/admin/videos/batch-restore", good: `{"video_ids":["` + id + `"],` + reason + `}`, list: "video_ids"},
		{who: v.admin, method: "POST", path: "/v1/admin/users/batch-block", good: `{"user_ids":["` + id + `"],` + reason + `,"retract":true}`, list: "user_ids"},
		{who: v.admin, method: "POST", path: "/v1/admin/users/batch-unblock", good: `{"user_ids":["` + id + `"],` + reason + `}`, list: "user_ids"},
		{who: v.worker, method: "POST", path: "/v1/events", good: mustJSON([]obj{event("video.viewed", obj{"video_id": id})}), media: cloudEvents, limit: 1 << 20},
	}
}

func (to target) send(body any, headers ...string) *Answer {
	to.who.w.t.Helper()
	if to.media != "" {
		headers = append([]string{"Content-Type", to.media}, headers...)
	}
	return to.who.do(to.method, to.path, body, headers...)
}

func (to target) maxBody() int {
	if to.limit != 0 {
		return to.limit
	}
	return 64 << 10
}

// isList reports whether the good body is an array.
func (to target) isList() bool { return strings.HasPrefix(to.good, "[") }

// first is the good body's first member as it stands, such as "video_ids":[…].
func (to target) firstName() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(to.good, `{"`), `"`)
	return name
}

func TestBodiesThatAreNotOneJSONValue(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	for _, to := range v.targets() {
		good := to.good
		bodies := map[string]string{
			"truncated":             good[:len(good)-1],
			"half":                  good[:len(good)/2],
			"two values":            good + good,
			"trailing comma":        good + ",",
			"trailing NUL":          good + "\x00",
			"trailing text":         good + " x",
			"a BOM":                 "\xef\xbb\xbf" + good,
			"UTF-16":                "\xff\xfe{\x00}\x00",
			"single quotes":         strings.ReplaceAll(good, `"`, `'`),
			"a comment":             good + "/**/",
			"NaN":                   "NaN",
			"spaces only":           "  \r\n\t ",
			"a raw line feed":       `{"a` + "\n" + `":1}`,
			"a raw NUL in a string": `{"a` + "\x00" + `":1}`,
			"a raw escape":          `{"a` + "\x1b" + `[31m":1}`,
			"invalid UTF-8":         `{"a` + "\xff" + `":1}`,
			"overlong UTF-8":        `{"a` + "\xc0\xaf" + `":1}`,
			"a surrogate in UTF-8":  `{"a` + "\xed\xa0\x80" + `":1}`,
			"a bad escape":          `{"a\x":1}`,
			"a leading zero":        `{"a":01}`,
			"a plus sign":           `{"a":+1}`,
		}
		if !to.isList() {
			name := to.firstName()
			again := strings.TrimSuffix(good, "}") + `,"` + name + `":[]}`
			bodies["a member twice"] = again
			bodies["a member twice, once escaped"] = strings.TrimSuffix(good, "}") + `,"\u00` + hex(name[0]) + name[1:] + `":[]}`
		}
		for name, body := range bodies {
			v.refused(name, to.send(body), 400)
		}
		if to.path == "/v1/events" || strings.Contains(to.path, "batch") {
			v.refused("empty", to.send(""), 400)
		}
		for name, body := range map[string]string{
			"a lone surrogate": `{"a":"\ud800"}`,
			"depth 33":         nested(good, 33),
			"depth 10,001":     nested(good, 10001),
		} {
			if to.isList() {
				v.refused(name, to.send(body), 200, 400, 422) // an event that is none is left out
			} else {
				v.refused(name, to.send(body), 400, 422)
			}
		}
	}
	v.whole()
}

func hex(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}

// nested puts an array of that depth where an unknown member is.
func nested(good string, depth int) string {
	deep := strings.Repeat("[", depth) + strings.Repeat("]", depth)
	if strings.HasPrefix(good, "[") {
		return deep
	}
	return strings.TrimSuffix(good, "}") + `,"deep":` + deep + `}`
}

func TestBodiesOfTheWrongShape(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	for _, to := range v.targets() {
		bodies := map[string]string{"a number": "1", "text": `"x"`, "true": "true", "null": "null"}
		if to.isList() {
			bodies["an object for an array"] = "{}"
		} else {
			bodies["an array for an object"] = "[" + to.good + "]"
			for _, member := range []string{`"is_admin":true`, `"count":5`, `"sub":"` + newID() + `"`, `"__proto__":{}`, `"":1`} {
				bodies["unknown member "+member] = strings.TrimSuffix(to.good, "}") + "," + member + "}"
			}
			name := to.firstName()
			if !to.optional {
				bodies["null where required"] = `{"` + name + `":null}`
			}
			bodies["a member in capitals"] = strings.Replace(to.good, name, strings.ToUpper(name), 1)
			bodies["a member twice in two cases"] = strings.TrimSuffix(to.good, "}") + `,"` + strings.ToUpper(name) + `":[]}`
			bodies["an object for the member"] = `{"` + name + `":{}}`
			bodies["a number for the member"] = `{"` + name + `":1e400}`
		}
		if to.list != "" {
			bodies["text for a list"] = `{"` + to.list + `":"` + newID() + `"}`
			bodies["numbers for IDs"] = strings.Replace(to.good, `["`, `[1,"`, 1)
			bodies["null for an ID"] = strings.Replace(to.good, `["`, `[null,"`, 1)
			bodies["a list for an ID"] = strings.Replace(to.good, `["`, `[["x"],"`, 1)
		}
		for name, body := range bodies {
			v.refused(name, to.send(body), 422)
		}
	}
	v.whole()
}

// badIDs are not UUIDs in the form that the contract takes.
func badIDs() map[string]string {
	id := newID()
	bad := map[string]string{
		"empty": "", "urn:uuid:": "urn:uuid:" + id, "braces": "{" + id + "}", "quotes": `'` + id + `'`, "38 bytes": "(" + id + ")",
		"no dashes": strings.ReplaceAll(id, "-", ""), "35 characters": id[:35], "37 characters": id + "0",
		"space before": " " + id, "space behind": id + " ", "all dashes": strings.Repeat("-", 36), "moved dashes": id[:7] + "-" + id[7:8] + id[9:],
		"wildcard *": "*", "wildcard >": ">", "a dot": "a.b", "JetStream API": "$JS.API.STREAM.PURGE.EVENTS", "a NATS command": "x\r\nPUB a 1\r\nx",
		"NUL": id[:35] + "\x00", "CR": id[:35] + "\r", "LF": id + "\n", "ESC": "\x1b" + id[1:], "U+202E": "\u202e" + id[1:],
		"fullwidth digits": "０" + id[1:], "long": strings.Repeat("a", 5000), "0x": "0x" + id[2:],
	}
	for i := range id {
		bad["g at "+hex(byte(i))] = id[:i] + "g" + id[i+1:]
	}
	return bad
}

func TestIDsThatAreNotUUIDs(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	good := newID()
	for name, id := range badIDs() {
		v.refused(name, v.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": []string{good, id}}), 422)
		v.refused(name, v.anonymous().get("/v1/videos/batch-metadata?ids="+good+","+escape(id)), 422)
		if id != "" {
			v.refused(name, v.user.put("/v1/videos/"+escape(id)+"/like", nil), 404, 422)
			v.refused(name, v.user.put("/v1/videos/"+good+"/comments/"+escape(id), nil), 404, 422)
			v.refused(name, v.user.post("/v1/ai/jobs/"+escape(id)+"/cancel", nil), 404, 422)
		}
	}
	some := []string{"", "urn:uuid:" + good, "{" + good + "}", good[:35], "*", "x\r\nPUB a", "\u202e" + good[1:]}
	for _, to := range v.targets() {
		if to.list == "" {
			continue
		}
		for _, id := range some {
			answer := to.send(strings.Replace(to.good, `["`, `["`+newID()+`",`+mustJSON(id)+`,"`, 1))
			v.refused(id, answer, 422)
			if p := answer.problem(); len(p.Errors) != 1 || p.Errors[0].Pointer != "/"+to.list+"/1" {
				t.Errorf("%s with %q: errors %+v, want one at /%s/1", to.path, id, p.Errors, to.list)
			}
		}
	}
	for _, body := range []obj{{"video_id": "x"}, {"video_id": good, "author_id": "{" + v.user.ID + "}"}, {"video_id": nil}, {"author_id": v.user.ID}} {
		v.refused("publish", v.user.post("/v1/videos", body), 422)
	}
	v.whole()
}

// escape writes every byte that is not a digit or a letter as %XX.
func escape(text string) string {
	var out strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-':
			out.WriteByte(c)
		default:
			out.WriteString("%" + strings.ToUpper(hex(c)))
		}
	}
	return out.String()
}

func TestBatchesOverTheLimitAndWithOneBadID(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	many := newIDs(1001)
	one := newIDs(200)
	one[137] = "not-a-uuid"
	for _, to := range v.targets() {
		if to.list == "" {
			continue
		}
		list := func(ids []string) string {
			return strings.Replace(to.good, to.good[strings.Index(to.good, "["):strings.Index(to.good, "]")+1], mustJSON(ids), 1)
		}
		v.refused("1,001 IDs", to.send(list(many)), 422)
		v.refused("1,001 times the same", to.send(list(repeat(many[0], 1001))), 422)
		answer := to.send(list(one))
		v.refused("one bad among 200", answer, 422)
		if p := answer.problem(); len(p.Errors) != 1 || p.Errors[0].Pointer != "/"+to.list+"/137" {
			t.Errorf("%s: errors %+v, want one at /%s/137", to.path, p.Errors, to.list)
		}
		if strings.Contains(to.path, "batch-metadata") || strings.Contains(to.path, "batch-status") {
			v.refused("an empty list in a query", to.send(list([]string{})), 200)
		} else {
			v.refused("an empty list in a command", to.send(list([]string{})), 422)
		}
	}
	v.refused("GET of 1,001", v.anonymous().get("/v1/videos/batch-metadata?ids="+strings.Join(many, ",")), 422)
	same := v.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": repeat(v.video, 1000)}).want(200)
	if n := len(same.object()["videos"].(obj)); n != 1 {
		t.Errorf("1,000 times the same ID gives %d entries", n)
	}
	v.whole()
}

func repeat(id string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = id
	}
	return ids
}

func TestBodiesOverTheLimit(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	for _, to := range v.targets() {
		limit := to.maxBody()
		padded := func(n int) string { return to.good + strings.Repeat(" ", n-len(to.good)) }
		v.refused("a byte over, with its length", to.send(padded(limit+1)), 413)
		v.refused("a byte over, in chunks", to.send(chunked(padded(limit+1))), 413)
		v.refused("a byte over, unpacked", to.send(gzipped(padded(limit+1)), "Content-Encoding", "gzip"), 413)
		v.refused("no gzip", to.send(to.good, "Content-Encoding", "gzip"), 400)
		packed := gzipped(to.good)
		v.refused("half a gzip", to.send(packed[:len(packed)/2], "Content-Encoding", "gzip"), 400)
		v.refused("a gzip with a wrong sum", to.send(append(packed[:len(packed)-8:len(packed)-8], "12345678"...), "Content-Encoding", "gzip"), 400)
		for _, coding := range []string{"br", "deflate", "gzip, gzip", "zstd", "compress"} {
			v.refused(coding, to.send(gzipped(to.good), "Content-Encoding", coding), 415)
		}
	}
	anyone := v.anonymous()
	big := `{"video_ids":["` + strings.Repeat("a", 10<<20) + `"]}`
	v.refused("a string of 10 MB", anyone.post("/v1/videos/batch-metadata", big), 413)
	bomb := gzipped(strings.Repeat(" ", 50<<20))
	v.refused("a bomb", anyone.post("/v1/videos/batch-metadata", bomb, "Content-Encoding", "gzip"), 413)
	v.refused("a bomb of events", v.worker.post("/v1/events", bomb, "Content-Encoding", "gzip", "Content-Type", cloudEvents), 413)
	// At the limit there is nothing to refuse.
	good := `{"video_ids":["` + v.video + `"]}`
	exact := good + strings.Repeat(" ", 64<<10-len(good))
	anyone.post("/v1/videos/batch-metadata", exact).want(200)
	anyone.post("/v1/videos/batch-metadata", chunked(exact)).want(200)
	anyone.post("/v1/videos/batch-metadata", gzipped(exact), "Content-Encoding", "gzip").want(200)
	v.whole()
}

func TestMediaTypesThatAreNotJSON(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	for _, to := range v.targets() {
		for _, media := range []string{
			"text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
			"application/json; charset=utf-16", "json", "application/json, text/plain", "*/*",
		} {
			v.refused(media, to.who.do(to.method, to.path, to.good, "Content-Type", media), 415)
		}
		v.refused("two types", to.who.do(to.method, to.path, to.good, "Content-Type", "application/json", "Content-Type", "text/plain"), 415)
	}
	v.anonymous().post("/v1/videos/batch-metadata", `{"video_ids":[]}`, "Content-Type", "application/json; charset=UTF-8").want(200)
	v.whole()
}

func TestPagingThatIsWrong(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	other := v.caller("admin")
	v.worker.notify(v.user, "c", 3)
	v.worker.notify(other, "c", 3)
	v.user.post("/v1/blocks/batch", obj{"user_ids": newIDs(3)}).want(200)
	other.post("/v1/blocks/batch", obj{"user_ids": newIDs(3)}).want(200)
	for range 3 {
		v.user.createsJob()
		other.createsJob()
	}
	v.end = v.logEnd()
	for path, list := range map[string]string{
		"/v1/ai/jobs": "jobs", "/v1/notifications": "notifications", "/v1/blocks": "blocks", "/v1/admin/audit": "entries",
	} {
		who := v.user
		if list == "entries" {
			who = v.admin
			who.deletesVideos(newID())
			who.deletesVideos(newID())
			v.end = v.logEnd()
		}
		for _, limit := range []string{"0", "-1", "201", "1000000000", "0x10", "1e1", "1.0", "+5", "%205", "", "ten", "99999999999999999999", "٣"} {
			v.refused("limit "+limit, who.get(path+"?limit="+limit), 422)
		}
		cursor := who.get(path + "?limit=1").want(200).text("next_cursor")
		for name, bad := range map[string]string{
			"empty": "", "words": "next", "cut": cursor[:len(cursor)-1], "longer": cursor + "A", "long": strings.Repeat("A", 8<<10),
			"first character": swap(cursor, 0), "middle character": swap(cursor, len(cursor)/2), "last but one": swap(cursor, len(cursor)-2),
			"a position": who.get(path).Header.Get("Tidemark-Position"), "path": "..%2f..", "NUL": "%00",
		} {
			v.refused("cursor "+name, who.get(path+"?limit=1&cursor="+bad), 422)
		}
		v.refused("limit twice", who.get(path+"?limit=1&limit=1"), 422)
		v.refused("cursor twice", who.get(path+"?cursor="+cursor+"&cursor="+cursor), 422)
		if list != "entries" {
			// A cursor is bound to its owner: whoever else sends it sees nothing of the owner's.
			v.refused("cursor of another", other.get(path+"?limit=1&cursor="+cursor), 422)
		}
	}
	v.refused("cursor of another list", v.user.get("/v1/blocks?cursor="+v.user.get("/v1/ai/jobs?limit=1").text("next_cursor")), 422)
	for _, query := range []string{"unread=yes", "unread=1&unread=0", "category=No", "category=", "category=" + strings.Repeat("c", 65)} {
		v.refused(query, v.user.get("/v1/notifications?"+query), 422)
	}
	for _, query := range []string{"status=", "status=queued,,failed", "status=QUEUED", "status=queued&status=failed"} {
		v.refused(query, v.user.get("/v1/ai/jobs?"+query), 422)
	}
}

// swap changes one character to another of the same alphabet.
func swap(text string, at int) string {
	c := byte('A')
	if text[at] == c {
		c = 'B'
	}
	return text[:at] + string(c) + text[at+1:]
}

func TestPositionsThatAreNone(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	good := v.user.get("/v1/position").text("end")
	bad := map[string]string{
		"words": "latest", "zero": "0", "cut": good[:len(good)-1], "longer": good + "A", "tampered": swap(good, len(good)/2),
		"long": strings.Repeat("A", 4096), "not the alphabet": good[:4] + "+/==",
	}
	for name, position := range bad {
		v.refused(name, v.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": []string{v.video}, "since": position}), 422)
		v.refused(name, v.anonymous().get("/v1/videos/batch-metadata?ids="+v.video+"&since="+escape(position)), 422)
		v.refused(name, v.anonymous().get("/v1/videos/batch-metadata?ids="+v.video, "Tidemark-After", position), 422)
		v.refused(name, v.user.put("/v1/videos/"+v.video+"/like", nil, "Tidemark-After", position), 422)
		v.refused(name, v.user.get("/v1/blocks", "Tidemark-After", position), 422)
	}
	v.refused("two", v.user.get("/v1/blocks", "Tidemark-After", good, "Tidemark-After", good), 422)
	v.refused("since twice", v.anonymous().get("/v1/videos/batch-metadata?ids="+v.video+"&since="+good+"&since="+good), 422)
	v.refused("ids twice", v.anonymous().get("/v1/videos/batch-metadata?ids="+v.video+"&ids="+v.video), 422)
	for _, since := range []any{1, true, []string{good}, obj{}} {
		v.refused("since of another type", v.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": []string{v.video}, "since": since}), 422)
	}
	v.whole()
}
