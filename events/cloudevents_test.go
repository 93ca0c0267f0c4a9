package events

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/events/strictjson"
)

// testRules are those of an admin, whose events of moderation are taken too.
var testRules = CloudEventRules{Now: testNow, Caller: testID[userKind](4), Admin: true}

const (
	otherID = "0190163d-8694-739b-aea5-966c26f8ad92"
	viewed  = `{"specversion":"1.0","id":"e1","source":"s","type":"video.viewed","time":"2026-11-22T11:59:59Z","data":{"video_id":"` + plainID + `"}}`
)

// cloudEvent is an event of the type with that data.
func cloudEvent(typ, data string) string {
	return `{"specversion":"1.0","id":"e1","source":"s","type":"` + typ + `","time":"2026-11-22T11:59:59Z","data":` + data + `}`
}

// readOne reads a batch of one event, also as a line and with data first, which
// must come to the same.
func readOne(t *testing.T, event string, rules CloudEventRules) (Ingested, error) {
	t.Helper()
	var r, lines CloudEventReader
	got, err := r.Read([]byte("["+event+"]"), CloudEventBatch, rules)
	var syntax *strictjson.SyntaxError
	if line, lineErr := lines.Read([]byte(event), CloudEventLines, rules); !errors.As(err, &syntax) && !strings.Contains(event, "\n") {
		if !bytes.Equal(line.Frames, got.Frames) || !slices.Equal(line.Rejected, got.Rejected) || (err == nil) != (lineErr == nil) {
			t.Errorf("%s: as a batch %v, %v; as a line %v, %v", event, got, err, line, lineErr)
		}
	}
	return got, err
}

func TestDataOfEveryTypeIsTakenByItsTable(t *testing.T) {
	id := func(name string) string { return `"` + name + `":"` + plainID + `"` }
	video, user, reason := id("video_id"), id("user_id"), `"reason":"spam"`
	text := func(name string, size int) string { return `"` + name + `":"` + strings.Repeat("x", size) + `"` }
	list := func(n int) string {
		return `"notification_ids":[` + strings.TrimSuffix(strings.Repeat(`"`+plainID+`",`, n), ",") + `]`
	}
	join := func(members ...string) string { return "{" + strings.Join(members, ",") + "}" }
	item := func(name string) map[string]string {
		return map[string]string{
			join(video, id(name)):                     "",
			join(video, id(name), id("author_id")):    "",
			join(video, id(name), `"author_id":null`): "",
			join(video):                                  `/data: member "` + name + `" is missing`,
			join(id(name)):                               `/data: member "video_id" is missing`,
			join(video, id(name), user):                  "/data/user_id: unknown member",
			join(video, `"`+name+`":null`):               "/data/" + name + ": must be a string, not null",
			join(video, id(name), `"author_id":""`):      "/data/author_id: " + ErrBadID.Error(),
			join(video, id(name), strings.ToUpper(user)): "/data/USER_ID: unknown member",
		}
	}
	moderation := func(subject string, more map[string]string) map[string]string {
		s := id(subject)
		cases := map[string]string{
			join(s, reason):                                      "",
			join(s, reason, id("admin_id")):                      "",
			join(s, `"reason":"`+strings.Repeat("é", 500)+`"`):   "",
			join(s, `"reason":"`+strings.Repeat("é", 501)+`"`):   "/data/reason: must have 1 to 500 characters",
			join(s, `"reason":""`):                               "/data/reason: must have 1 to 500 characters",
			join(s):                                              `/data: member "reason" is missing`,
			join(s, reason, `"admin_id":"x"`):                    "/data/admin_id: " + ErrBadID.Error(),
			join(s, `"reason":["`+strings.Repeat("x", 100)+`"]`): "/data/reason: must be a string, not an array",
			join(s, reason, `"is_admin":true`, `"count":1`, `"a":1`, `"b":2`, `"c":{}`): "/data/is_admin: unknown member; /data/count: unknown member; /data/a: unknown member; and 2 more",
		}
		for data, want := range more {
			cases[data] = want
		}
		return cases
	}
	account := moderation("user_id", map[string]string{
		join(user, reason, `"retract":true`):  "",
		join(user, reason, `"retract":null`):  "",
		join(user, reason, `"retract":"yes"`): "/data/retract: must be a boolean, not a string",
	})
	visibility := moderation("video_id", map[string]string{join(video, reason, `"retract":true`): "/data/retract: unknown member"})
	like := map[string]string{
		join(video, user):           "",
		join(video):                 `/data: member "user_id" is missing`,
		join(video, `"user_id":1`):  "/data/user_id: must be a string, not a number",
		join():                      `/data: member "video_id" is missing; /data: member "user_id" is missing`,
		"null":                      "/data: must be an object, not null",
		"[" + join(video) + "]":     "/data: must be an object, not an array",
		join(video, user, `"":"x"`): "/data/: unknown member",
	}
	block := map[string]string{
		join(user, `"blocked_id":"`+otherID+`"`): "",
		join(user, id("blocked_id")):             "/data: user_id and blocked_id must differ",
		join(id("blocked_id")):                   `/data: member "user_id" is missing`,
	}
	job, oneOfJob := id("job_id"), "/data: must have one of status, progress, result_url, error and attempt"
	oneScope := "/data: must have exactly one of notification_ids, all and category"
	sent := join(id("notification_id"), user, `"category":"c"`)
	payload := func(p string) string { return strings.TrimSuffix(sent, "}") + `,"payload":` + p + "}" }
	counts := `"view_count":0,"like_count":9007199254740991,"comment_count":1,"remix_count":2,"glitch_count":3`

	table := map[Type]map[string]string{
		TypeVideoPublished: {join(video): "", join(video, id("author_id")): "", join(video, user): "/data/user_id: unknown member"},
		TypeVideoViewed: {
			join(video): "", join(video, user): "", join(video, `"user_id":null`): "", join(`"video_id":"` + strings.ToUpper(plainID) + `"`): "",
			join(): `/data: member "video_id" is missing`, join(video, id("author_id")): "/data/author_id: unknown member",
			join(`"video_id":"x\r\nPUB a"`): "/data/video_id: " + ErrBadID.Error(),
		},
		TypeVideoLiked: like, TypeVideoUnliked: like,
		TypeCommentCreated: item("comment_id"), TypeCommentDeleted: item("comment_id"),
		TypeRemixCreated: item("remix_id"), TypeRemixDeleted: item("remix_id"),
		TypeGlitchCreated: item("glitch_id"), TypeGlitchDeleted: item("glitch_id"),
		TypeVideoDeleted: visibility, TypeVideoRestored: visibility,
		TypeJobCreated: {join(job, id("owner_id")): "", join(job): `/data: member "owner_id" is missing`},
		TypeJobUpdated: {
			join(job, `"status":"queued"`): "", join(job, `"progress":100`): "", join(job, `"result_url":""`): "", join(job, `"attempt":1`): "",
			join(job, text("result_url", 2048), text("error", 1024), `"attempt":2147483647`): "",
			join(job, `"progress":null`, `"error":"e"`):                                      "",
			join(job): oneOfJob, join(job, `"status":null`): oneOfJob,
			join(job, `"status":"done"`):        "/data/status: must be queued, processing, completed or failed",
			join(job, `"progress":101`):         "/data/progress: must be an integer from 0 to 100",
			join(job, `"progress":-1`):          "/data/progress: must be an integer from 0 to 100",
			join(job, `"progress":1.5`):         "/data/progress: must be an integer in plain digits",
			join(job, `"progress":1e400`):       "/data/progress: must be an integer in plain digits",
			join(job, `"progress":"1"`):         "/data/progress: must be an integer, not a string",
			join(job, `"attempt":0`):            "/data/attempt: must be an integer from 1 to 2147483647",
			join(job, `"attempt":2147483648`):   "/data/attempt: must be an integer from 1 to 2147483647",
			join(job, text("result_url", 2049)): "/data/result_url: must have at most 2048 bytes",
			join(job, text("error", 1025)):      "/data/error: must have at most 1024 bytes",
		},
		TypeJobCancelled: {join(job): "", join(): `/data: member "job_id" is missing`},
		TypeNotificationSent: {
			sent: "", payload(`{"a":[1,{}]}`): "", payload("null"): "", payload("0"): "",
			payload(`"` + strings.Repeat("x", 4094) + `"`):                          "",
			payload(`"` + strings.Repeat("x", 4095) + `"`):                          "/data/payload: must have at most 4096 bytes",
			join(id("notification_id"), user, text("category", 64)):                 "",
			join(id("notification_id"), user, text("category", 65)):                 "/data/category: must be 1 to 64 of a-z 0-9 _ . -",
			join(id("notification_id"), user, `"category":"a*"`):                    "/data/category: must be 1 to 64 of a-z 0-9 _ . -",
			join(id("notification_id"), user, `"category":"c"`, `"actor_id":"x"`):   "/data/actor_id: " + ErrBadID.Error(),
			join(id("notification_id"), user, `"category":"c"`, `"actor_id":null`):  "",
			join(id("notification_id"), user, `"category":"c"`, id("actor_id")):     "",
			join(id("notification_id"), user, `"category":null`, `"payload":"abc"`): "/data/category: must be a string, not null",
		},
		TypeNotificationRead: {
			join(user, list(1)): "", join(user, list(1000)): "", join(user, `"all":true`): "", join(user, `"category":"c"`): "",
			join(user, `"all":true`, `"before":"9999-01-01T00:00:00Z"`): "", join(user, `"category":"c"`, `"before":"0001-01-01T00:00:00.5+00:00"`): "",
			join(user, `"all":null`, `"category":"c"`, `"notification_ids":null`, `"before":null`): "",
			join(user): oneScope,
			join(user, `"all":true`, `"category":"c"`):     oneScope,
			join(user, list(1), `"all":true`):              oneScope,
			join(user, list(0)):                            "/data/notification_ids: must list 1 to 1000 IDs",
			join(user, list(1001)):                         "/data/notification_ids: must list 1 to 1000 IDs",
			join(user, `"notification_ids":["x"]`):         "/data/notification_ids/0: " + ErrBadID.Error(),
			join(user, `"notification_ids":[null]`):        "/data/notification_ids/0: must be a string, not null",
			join(user, `"notification_ids":{}`):            "/data/notification_ids: must be an array, not an object",
			join(user, `"all":false`):                      "/data/all: must be true or absent",
			join(user, `"category":""`):                    "/data/category: must be 1 to 64 of a-z 0-9 _ . -",
			join(user, `"all":true`, `"before":"2026"`):    "/data/before: " + badTime,
			join(user, list(1), `"before":"`+recent+`"`):   "/data: takes before only with all or category",
			join(user, `"before":"`+recent+`"`):            oneScope,
			join(user, `"all":true`, id("actor_id")):       "/data/actor_id: unknown member",
			join(`"all":true`):                             `/data: member "user_id" is missing`,
			join(user, `"all":"true"`, `"category":null`):  "/data/all: must be a boolean, not a string",
			join(user, `"all":true`, `"before":1e9`):       "/data/before: must be a string, not a number",
			join(user, `"category":"c"`, `"before":false`): "/data/before: must be a string, not a boolean",
		},
		TypeUserBlocked: block, TypeUserUnblocked: block,
		TypeAccountBlocked: account, TypeAccountUnblocked: account,
		TypeCounterBaseline: {
			join(video, text("source", 256), counts):                           "",
			join(video, `"source":"s"`, `"view_count":1`, `"like_count":null`): "",
			join(video, `"source":"s"`):                                        "/data: must have one of the five counters",
			join(video, `"source":"s"`, `"view_count":null`):                   "/data: must have one of the five counters",
			join(video, `"source":""`, `"view_count":1`):                       "/data/source: must have 1 to 256 bytes",
			join(video, text("source", 257), `"view_count":1`):                 "/data/source: must have 1 to 256 bytes",
			join(video, `"source":"s"`, `"glitch_count":-1`):                   "/data/glitch_count: must be an integer from 0 to 9007199254740991",
			join(video, `"source":"s"`, `"remix_count":9007199254740992`):      "/data/remix_count: must be an integer from 0 to 9007199254740991",
			join(video, `"source":"s"`, `"comment_count":9223372036854775808`): "/data/comment_count: must be an integer from 0 to 9007199254740991",
			join(video, `"source":"s"`, `"like_count":-0`):                     "/data/like_count: must be an integer in plain digits",
		},
	}
	for _, typ := range PublicTypes() {
		if len(table[typ]) < 2 {
			t.Errorf("%v has no cases", typ)
		}
		for data, want := range table[typ] {
			event := cloudEvent(typ.String(), data)
			got, err := readOne(t, event, testRules)
			checkVerdict(t, event, got, err, typ, want)
			// The same with data before the type.
			first := `{"data":` + data + `,` + strings.Replace(event[1:], `,"data":`+data, "", 1)
			late, err := readOne(t, first, testRules)
			checkVerdict(t, first, late, err, typ, want)
			if !bytes.Equal(late.Frames, got.Frames) {
				t.Errorf("%s becomes\n%x, with data first\n%x", event, got.Frames, late.Frames)
			}
		}
	}
}

const recent = "2026-11-22T11:00:00Z"

// checkVerdict expects one event, taken if want is empty and else rejected for it.
func checkVerdict(t *testing.T, event string, got Ingested, err error, typ Type, want string) {
	t.Helper()
	if err != nil || got.Sent != 1 {
		t.Errorf("%.200s: %+v, %v", event, got, err)
		return
	}
	if want != "" {
		if got.Events != 0 || len(got.Frames) != 0 || len(got.Rejected) != 1 || got.Rejected[0] != (Rejection{Index: 0, Detail: want}) {
			t.Errorf("%.200s: %+v\nwant %q", event, got.Rejected, want)
		}
		return
	}
	if got.Events != 1 || len(got.Rejected) != 0 {
		t.Errorf("%.200s: rejected %+v", event, got.Rejected)
		return
	}
	e := readFrames(t, got.Frames)[0]
	if _, err := decodeAny(&e); err != nil || e.Type != typ || string(e.ID) != "e1" || string(e.Source) != "s" || e.Time.String() != "2026-11-22T11:59:59Z" {
		t.Errorf("%.200s: became %+v, %v", event, e.Meta, err)
	}
}

func TestAttributesOfACloudEvent(t *testing.T) {
	with := func(old, new string) string { return strings.Replace(viewed, old, new, 1) }
	more := func(attribute string) string { return with(`"data"`, attribute+`,"data"`) }
	for event, want := range map[string]string{
		viewed:                         "",
		" \t{ " + viewed[1:] + "\r":    "",
		with(`"e1"`, `"é"`):            "",
		with(`"e1"`, `"\u0065\u0031"`): "",
		with(`"s"`, `"`+strings.Repeat("x", 256)+`"`):                                      "",
		with("2026-11-22T11:59:59Z", "0001-01-01T00:00:00Z"):                               "",
		with("2026-11-22T11:59:59Z", "2026-11-22T12:05:00Z"):                               "",
		with("2026-11-22T11:59:59Z", "2026-11-22t13:59:59+02:00"):                          "",
		more(`"datacontenttype":"application/json"`):                                       "",
		more(`"datacontenttype":"Application/JSON;charset=utf-8"`):                         "",
		more(`"datacontenttype":"application/vnd.x+json"`):                                 "",
		more(`"datacontenttype":null,"subject":null,"dataschema":null,"data_base64":null`): "",
		more(`"subject":"v","dataschema":"https://example.com/s"`):                         "",
		more(`"traceparent":"00-1","partitionkey":7,"x":{"y":[]},"ID":"other","Type":"x"`): "",

		with(`"specversion":"1.0",`, ""):                            `member "specversion" is missing`,
		with(`"id":"e1","source":"s",`, ""):                         `member "id" is missing; member "source" is missing`,
		with(`"type":"video.viewed",`, ""):                          `member "type" is missing`,
		with(`"time":"2026-11-22T11:59:59Z",`, ""):                  `member "time" is missing`,
		with(`,"data":{"video_id":"`+plainID+`"}`, ""):              `member "data" is missing`,
		with(`"data"`, `"data_base64"`):                             `/data_base64: is not taken: data is JSON and stands in data; member "data" is missing`,
		with(`"1.0"`, `"0.3"`):                                      `/specversion: must be "1.0"`,
		with(`"1.0"`, `1.0`):                                        "/specversion: must be a string, not a number",
		with(`"e1"`, `""`):                                          "/id: must have 1 to 256 bytes",
		with(`"e1"`, `null`):                                        "/id: must be a string, not null",
		with(`"e1"`, `"`+strings.Repeat("é", 129)+`"`):              "/id: must have 1 to 256 bytes",
		with(`"s"`, `"`+strings.Repeat("x", 257)+`"`):               "/source: must have 1 to 256 bytes",
		with("video.viewed", "video.VIEWED"):                        "/type: is no event type of this service",
		with(`"video.viewed"`, `{}`):                                "/type: must be a string, not an object",
		with("2026-11-22T11:59:59Z", "2026-11-22T12:05:00.000001Z"): "/time: lies more than 5m0s ahead",
		with("2026-11-22T11:59:59Z", "9999-12-31T23:59:59Z"):        "/time: lies more than 5m0s ahead",
		with("2026-11-22T11:59:59Z", "2026-11-22 11:59:59"):         "/time: " + badTime,
		with("2026-11-22T11:59:59Z", "0000-01-01T00:00:00Z"):        "/time: " + badTime,
		more(`"datacontenttype":"text/xml"`):                        "/datacontenttype: must be application/json or another JSON media type",
		more(`"datacontenttype":""`):                                "/datacontenttype: must be application/json or another JSON media type",
		more(`"datacontenttype":"application/json;"`):               "",
		more(`"subject":1`):                                         "/subject: must be a string, not a number",
		`[]`:                                                        "must be an object, not an array",
		`null`:                                                      "must be an object, not null",
		`{}`:                                                        `member "specversion" is missing; member "id" is missing; member "source" is missing; and 3 more`,
	} {
		got, err := readOne(t, event, testRules)
		rejected := ""
		if len(got.Rejected) > 0 {
			rejected = got.Rejected[0].Detail
		}
		if err != nil || rejected != want || got.Sent != 1 || got.Events != 1-len(got.Rejected) {
			t.Errorf("%.300s: %q, %v\nwant %q", event, rejected, err, want)
		}
	}
}

func TestExtensionsWithManyMembersKeepTheErrorsShort(t *testing.T) {
	name := strings.Repeat("n", 70)
	got, err := readOne(t, cloudEvent("video.viewed", `{"video_id":"`+plainID+`","`+name+`":1}`), testRules)
	if err != nil || len(got.Rejected) != 1 || strings.Contains(got.Rejected[0].Detail, name) || len(got.Rejected[0].Detail) > 200 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestModerationNeedsAnAdminAndNamesTheCaller(t *testing.T) {
	service := testRules
	service.Admin = false
	for _, typ := range PublicTypes() {
		e := Event{Meta: sampleMeta(typ), data: samples()[typ].appendTo(nil)}
		event, err := AppendCloudEvent(nil, &e, CloudEventDefaults{})
		if err != nil {
			t.Fatal(err)
		}
		moderates := strings.HasPrefix(typ.String(), "account.") || typ == TypeVideoDeleted || typ == TypeVideoRestored
		got, err := readOne(t, string(event), service)
		if err != nil || got.Events == 1 == moderates {
			t.Errorf("%v from a service: %+v, %v", typ, got, err)
		}
		if moderates && (len(got.Rejected) != 1 || got.Rejected[0].Detail != "/type: may be sent by an admin only") {
			t.Errorf("%v from a service: %+v", typ, got.Rejected)
		}
		caller := testRules
		caller.Caller = testID[userKind](11)
		got, err = readOne(t, string(event), caller)
		if err != nil || got.Events != 1 {
			t.Fatalf("%v from an admin: %+v, %v", typ, got, err)
		}
		taken := readFrames(t, got.Frames)[0]
		data, err := decodeAny(&taken)
		var admin UserID
		switch d := data.(type) {
		case VideoVisibility:
			admin = d.Admin
		case AccountBlock:
			admin = d.Admin
		}
		if err != nil || moderates && admin != caller.Caller {
			t.Errorf("%v names %v, the caller is %v; %v", typ, admin, caller.Caller, err)
		}
	}
}

func TestBodiesAsAWhole(t *testing.T) {
	three := CloudEventRules{Now: testNow, MaxEvents: 3}
	bad := strings.Replace(viewed, `"e1"`, `""`, 1)
	broken := viewed[:len(viewed)-1]
	twice := strings.Replace(viewed, `"id":"e1"`, `"id":"e1","id":"e1"`, 1)
	syntax, content := new(*strictjson.SyntaxError), new(strictjson.ContentErrors)
	for _, c := range []struct {
		name     string
		format   CloudEventFormat
		body     string
		err      any
		sent     int
		rejected []int
	}{
		{"one", CloudEventBatch, "[" + viewed + "]", nil, 1, nil},
		{"as many as may be", CloudEventBatch, "[" + viewed + "," + viewed + "," + bad + "]\n", nil, 3, []int{2}},
		{"all bad", CloudEventBatch, "[" + bad + ",0]", nil, 2, []int{0, 1}},
		{"too many", CloudEventBatch, "[1,2,3,4]", content, 0, nil},
		{"none", CloudEventBatch, "[]", content, 0, nil},
		{"not an array", CloudEventBatch, viewed, content, 0, nil},
		{"null", CloudEventBatch, "null", content, 0, nil},
		{"empty", CloudEventBatch, "", syntax, 0, nil},
		{"cut short", CloudEventBatch, "[" + viewed, syntax, 0, nil},
		{"cut within an event", CloudEventBatch, "[" + viewed + "," + broken, syntax, 0, nil},
		{"cut within a type", CloudEventBatch, `[{"type":"video.`, syntax, 0, nil},
		{"bad first, broken later", CloudEventBatch, "[" + bad + "," + viewed + ",x]", syntax, 0, nil},
		{"too many, broken later", CloudEventBatch, "[1,2,3,4,{]", syntax, 0, nil},
		{"trailing data", CloudEventBatch, "[" + viewed + "]{}", syntax, 0, nil},
		{"duplicate member", CloudEventBatch, "[" + twice + "]", syntax, 0, nil},
		{"lines in a batch", CloudEventBatch, viewed + "\n" + viewed, syntax, 0, nil},
		{"byte order mark", CloudEventBatch, "\ufeff[" + viewed + "]", syntax, 0, nil},

		{"one line", CloudEventLines, viewed, nil, 1, nil},
		{"line with its end", CloudEventLines, viewed + "\n", nil, 1, nil},
		{"blank lines and CRLF", CloudEventLines, "\r\n \t\n" + viewed + "\r\n\n" + bad + "\r\n" + viewed + "\n\n\n", nil, 3, []int{1}},
		{"broken lines", CloudEventLines, broken + "\n" + viewed + "\n" + viewed + viewed, nil, 3, []int{0, 2}},
		{"duplicate member", CloudEventLines, twice + "\n" + viewed, nil, 2, []int{0}},
		{"batch in a line", CloudEventLines, "[" + viewed + "]", nil, 1, []int{0}},
		{"byte order mark", CloudEventLines, "\ufeff" + viewed + "\n" + viewed, nil, 2, []int{0}},
		{"not UTF-8", CloudEventLines, "\xff\n" + viewed, nil, 2, []int{0}},
		{"too many lines", CloudEventLines, "1\n2\n3\n4\n", content, 0, nil},
		{"no line", CloudEventLines, "", content, 0, nil},
		{"blank lines only", CloudEventLines, "\n \r\n\t", content, 0, nil},
	} {
		var r CloudEventReader
		got, err := r.Read([]byte(c.body), c.format, three)
		if c.err != nil {
			if !errors.As(err, c.err) || got.Sent != 0 || got.Frames != nil {
				t.Errorf("%s: %+v, %v", c.name, got, err)
			}
			continue
		}
		var rejected []int
		for _, one := range got.Rejected {
			rejected = append(rejected, one.Index)
		}
		if err != nil || got.Sent != c.sent || got.Events != c.sent-len(c.rejected) || !slices.Equal(rejected, c.rejected) || len(readFrames(t, got.Frames)) != got.Events {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestReaderKeepsNothingOfTheBodyBefore(t *testing.T) {
	var r CloudEventReader
	bodies := []string{
		cloudEvent("video.viewed", `{"video_id":"`+plainID+`","user_id":"`+plainID+`"}`),
		viewed,
		cloudEvent("job.updated", `{"job_id":"`+plainID+`","attempt":7,"status":"failed","progress":3,"error":"e","result_url":"u"}`),
		cloudEvent("job.updated", `{"job_id":"`+plainID+`","progress":1}`),
		"{}",
		`{"data":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `,"type":"video.viewed"}`,
		cloudEvent("account.blocked", `{"user_id":"`+plainID+`","reason":"\u0061","retract":true}`),
		cloudEvent("account.blocked", `{"user_id":"`+plainID+`","reason":"b"}`),
		cloudEvent("user.blocked", `{"user_id":"0190163d-8694-739b-aea5-966c26f8ad92","blocked_id":"`+plainID+`"}`),
		cloudEvent("user.blocked", `{"user_id":"`+plainID+`","blocked_id":"none"}`),
		cloudEvent("counter.baseline", `{"video_id":"`+plainID+`","source":"s","view_count":7,"glitch_count":8}`),
		cloudEvent("counter.baseline", `{"video_id":"`+plainID+`","source":"s","like_count":9}`),
	}
	for i, body := range append(bodies, bodies...) {
		got, err := r.Read([]byte(body), CloudEventLines, testRules)
		var fresh CloudEventReader
		want, wantErr := fresh.Read([]byte(body), CloudEventLines, testRules)
		if !bytes.Equal(got.Frames, want.Frames) || !slices.Equal(got.Rejected, want.Rejected) || err != nil || wantErr != nil {
			t.Errorf("body %d: %+v, %v; a new reader: %+v, %v", i, got, err, want, wantErr)
		}
	}
}

// viewsAndLikes is a batch of 1,000 events as a gateway sends them.
func viewsAndLikes() []byte {
	body := []byte{'['}
	for i := range 1000 {
		body = fmt.Appendf(body, `{"specversion":"1.0","id":"%032d","source":"//gateway-3.example.com/edge","type":"%s",`+
			`"time":"2026-11-22T11:34:56.%03dZ","datacontenttype":"application/json",`+
			`"data":{"video_id":"0190163d-8694-739b-aea5-966c26f8%04x","user_id":"0190163d-8694-739b-aea5-966c26f8ad92"}},`,
			i, [2]string{"video.viewed", "video.liked"}[i%2], i, i)
	}
	body[len(body)-1] = ']'
	return body
}

func TestGoodEventsAllocateNothing(t *testing.T) {
	batch := viewsAndLikes()
	lines := bytes.ReplaceAll(batch[1:len(batch)-1], []byte("}},"), []byte("}}\n"))
	every := []byte{}
	for _, typ := range PublicTypes() {
		e := Event{Meta: sampleMeta(typ), data: samples()[typ].appendTo(nil)}
		every, _ = AppendCloudEvent(every, &e, CloudEventDefaults{})
		every = append(every, '\n')
	}
	var r CloudEventReader
	for name, c := range map[string]struct {
		body   []byte
		format CloudEventFormat
		count  int
	}{
		"batch":      {batch, CloudEventBatch, 1000},
		"lines":      {lines, CloudEventLines, 1000},
		"every type": {every, CloudEventLines, len(PublicTypes())},
	} {
		read := func() {
			if got, err := r.Read(c.body, c.format, testRules); err != nil || got.Events != c.count {
				t.Fatalf("%s: %d events, %v, %v", name, got.Events, got.Rejected, err)
			}
		}
		read()
		if allocations := testing.AllocsPerRun(100, read); allocations != 0 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}
