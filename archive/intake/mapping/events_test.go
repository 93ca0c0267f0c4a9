package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

var readAt = events.TimeOf(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))

// rowOf makes the plan of a one-entry mapping for the columns of a row written
// as "column=value"; "column" alone is null, "column?" unknown.
func rowOf(t *testing.T, entry string, cells ...string) (*Plan, Row) {
	t.Helper()
	m := parse(t, "source: app\nids: {video: derived}\nentries: ["+entry+"]")
	var columns []string
	var row Row
	for _, cell := range cells {
		name, text, is := strings.Cut(cell, "=")
		unknown := strings.HasSuffix(name, "?")
		columns = append(columns, strings.TrimSuffix(name, "?"))
		row = append(row, Value{Text: []byte(text), Null: !is && !unknown, Unknown: unknown})
	}
	p, err := m.Plan(&m.Entries[0], columns)
	if err != nil {
		t.Fatal(err)
	}
	return p, row
}

// lines writes events as CloudEvents without what all have in common.
func lines(t *testing.T, made []Made) (list []string) {
	t.Helper()
	for i := range made {
		e := events.NewEvent(made[i].Meta, made[i].Data)
		text, err := events.AppendCloudEvent(nil, &e, events.CloudEventDefaults{})
		if err != nil {
			t.Fatal(err)
		}
		line := strings.TrimPrefix(string(text), `{"specversion":"1.0",`)
		list = append(list, strings.Replace(line, `"source":"postgres:app",`, "", 1))
	}
	return list
}

const (
	user  = "11111111-1111-4111-8111-111111111111"
	other = "22222222-2222-4222-8222-222222222222"
	// derivedByPython is uuid5 of the namespace of object identifiers and
	// "video:42", by Python's uuid.
	derivedByPython = "08a9cc14-1d3d-5c0f-9309-d274a58764bc"
)

func TestRowsBecomeEvents(t *testing.T) {
	derived := derivedVideo(t, "42")
	change := Moment{Name: "0/1/0", At: readAt, Change: true}
	read := Moment{Name: "import/0/k", At: readAt}
	for name, c := range map[string]struct {
		entry string
		row   []string
		at    Moment
		gone  bool
		want  []string
	}{
		"a like that is read has its row's time": {
			"{becomes: likes, table: l, columns: {video_id: v, user_id: u, time: at}}",
			[]string{"v=42", "u=" + user, "at=2026-02-03 04:05:06.5+02"}, read, false,
			[]string{`"id":"import/0/k","type":"video.liked","time":"2026-02-03T02:05:06.5Z","data":{"video_id":"` + derived + `","user_id":"` + user + `"}}`},
		},
		"but none after the snapshot": {
			"{becomes: likes, table: l, columns: {video_id: v, user_id: u, time: at}}",
			[]string{"v=42", "u=" + user, "at=2030-01-01 00:00:00+00"}, read, false,
			[]string{`"id":"import/0/k","type":"video.liked","time":"2026-03-01T12:00:00Z","data":{"video_id":"` + derived + `","user_id":"` + user + `"}}`},
		},
		"a like that changes has its commit's": {
			"{becomes: likes, table: l, columns: {video_id: v, user_id: u, time: at}}",
			[]string{"v=42", "u=" + user, "at=2001-01-01 00:00:00+00"}, change, false,
			[]string{`"id":"0/1/0","type":"video.liked","time":"2026-03-01T12:00:00Z","data":{"video_id":"` + derived + `","user_id":"` + user + `"}}`},
		},
		"a like that goes is taken back": {
			"{becomes: likes, table: l, columns: {video_id: v, user_id: u}}", []string{"v=42", "u=" + user}, change, true,
			[]string{`"id":"0/1/0","type":"video.unliked","time":"2026-03-01T12:00:00Z","data":{"video_id":"` + derived + `","user_id":"` + user + `"}}`},
		},
		"a view is named by its key": {
			"{becomes: views, table: w, columns: {view_id: id, video_id: v, time: at}}",
			[]string{"id=7", "v=42", "at=2026-02-03 04:05:06"}, read, false,
			[]string{`"id":"view/7","type":"video.viewed","time":"2026-02-03T04:05:06Z","data":{"video_id":"` + derived + `"}}`},
		},
		"a remix": {
			"{becomes: remixes, table: r, columns: {remix_id: id, video_id: v, author_id: a}}",
			[]string{"id=" + other, "v=42", "a"}, read, false,
			[]string{`"id":"import/0/k","type":"remix.created","time":"2026-03-01T12:00:00Z","data":{"video_id":"` + derived + `","remix_id":"` + other + `"}}`},
		},
		"a comment that goes": {
			"{becomes: comments, table: c, columns: {comment_id: id, video_id: v}}", []string{"id=" + other, "v=42"}, change, true,
			[]string{`"id":"0/1/0","type":"comment.deleted","time":"2026-03-01T12:00:00Z","data":{"video_id":"` + derived + `","comment_id":"` + other + `"}}`},
		},
		"a job with what it says": {
			"{becomes: jobs, table: j, columns: {job_id: id, owner_id: o, status: s, progress: p, error: e}, translate: {status: {busy: processing}}}",
			[]string{"id=" + other, "o=" + user, "s=busy", "p=40", "e"}, read, false,
			[]string{
				`"id":"import/0/k","type":"job.created","time":"2026-03-01T12:00:00Z","data":{"job_id":"` + other + `","owner_id":"` + user + `"}}`,
				`"id":"import/0/k/updated","type":"job.updated","time":"2026-03-01T12:00:00Z","data":{"job_id":"` + other + `","attempt":1,"status":"processing","progress":40}}`,
			},
		},
		"a notification that was read": {
			"{becomes: notifications, table: n, columns: {notification_id: id, user_id: u, read: seen, payload: p}, constants: {category: social}}",
			[]string{"id=" + other, "u=" + user, "seen=2026-01-01 00:00:00+00", `p={"a": 1}`}, read, false,
			[]string{
				`"id":"import/0/k","type":"notification.sent","time":"2026-03-01T12:00:00Z","data":{"notification_id":"` + other + `","user_id":"` + user + `","category":"social","payload":{"a": 1}}}`,
				`"id":"import/0/k/read","type":"notification.read","time":"2026-03-01T12:00:00Z","data":{"user_id":"` + user + `","notification_ids":["` + other + `"]}}`,
			},
		},
		"a notification that was not": {
			"{becomes: notifications, table: n, columns: {notification_id: id, user_id: u, read: seen}, constants: {category: social}}",
			[]string{"id=" + other, "u=" + user, "seen=f"}, read, false,
			[]string{`"id":"import/0/k","type":"notification.sent","time":"2026-03-01T12:00:00Z","data":{"notification_id":"` + other + `","user_id":"` + user + `","category":"social"}}`},
		},
		"a start value, where null is none": {
			"{becomes: baselines, table: s, columns: {video_id: v, view_count: n, like_count: l}}", []string{"v=42", "n=17", "l"}, read, false,
			[]string{`"id":"import/0/k","type":"counter.baseline","time":"2026-03-01T12:00:00Z","data":{"video_id":"` + derived + `","source":"app/s","view_count":17,"like_count":0}}`},
		},
		"a start value that goes": {
			"{becomes: baselines, table: s, columns: {video_id: v, view_count: n}}", []string{"v=42", "n?"}, change, true,
			[]string{`"id":"0/1/0","type":"counter.baseline","time":"2026-03-01T12:00:00Z","data":{"video_id":"` + derived + `","source":"app/s","view_count":0}}`},
		},
		"a video that comes back": {
			"{becomes: videos, table: v, columns: {video_id: id}}", []string{"id=42"}, Moment{Name: "0/1/0", At: readAt, Change: true, Back: true}, false,
			[]string{
				`"id":"0/1/0","type":"video.published","time":"2026-03-01T12:00:00Z","data":{"video_id":"` + derived + `"}}`,
				`"id":"0/1/0/restored","type":"video.restored","time":"2026-03-01T12:00:00Z","data":{"video_id":"` + derived + `","reason":"is there in app"}}`,
			},
		},
		"a video that goes": {
			"{becomes: videos, table: v, columns: {video_id: id}}", []string{"id=42"}, change, true,
			[]string{`"id":"0/1/0","type":"video.deleted","time":"2026-03-01T12:00:00Z","data":{"video_id":"` + derived + `","reason":"gone from app"}}`},
		},
		"a block": {
			"{becomes: blocks, table: b, columns: {user_id: u, blocked_id: w, time: at}}",
			[]string{"u=" + user, "w=" + other, "at=2026-01-02"}, read, false,
			[]string{`"id":"import/0/k","type":"user.blocked","time":"2026-01-02T00:00:00Z","data":{"user_id":"` + user + `","blocked_id":"` + other + `"}}`},
		},
		"a job that goes stays": {
			"{becomes: jobs, table: j, columns: {job_id: id, owner_id: o}}", []string{"id=" + other, "o?"}, change, true, nil,
		},
	} {
		p, row := rowOf(t, c.entry, c.row...)
		tell := p.Present
		if c.gone {
			tell = p.Absent
		}
		made, err := tell(nil, row, c.at)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := lines(t, made); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func derivedVideo(t *testing.T, key string) string {
	t.Helper()
	m := parse(t, "source: app\nids: {video: derived}\nentries: [{becomes: videos, table: v, columns: {video_id: id}}]")
	id, err := m.id(videoID, key)
	if err != nil {
		t.Fatal(err)
	}
	return events.VideoID(id).String()
}

// TestDerivedIDsAreThoseThatTheDocumentationSays: an application makes the same ones.
func TestDerivedIDsAreThoseThatTheDocumentationSays(t *testing.T) {
	if got, want := derivedVideo(t, "42"), derivedByPython; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestRowsThatFitNoEventSayWhy(t *testing.T) {
	for says, c := range map[string]struct {
		entry string
		row   []string
	}{
		"video_id is null":        {"{becomes: likes, table: l, columns: {video_id: v, user_id: u}}", []string{"v", "u=" + user}},
		"user_id is no UUID":      {"{becomes: likes, table: l, columns: {video_id: v, user_id: u}}", []string{"v=1", "u=7"}},
		"time is no date":         {"{becomes: likes, table: l, columns: {video_id: v, user_id: u, time: at}}", []string{"v=1", "u=" + user, "at=yesterday"}},
		"time lies ahead":         {"{becomes: views, table: w, columns: {view_id: i, video_id: v, time: at}}", []string{"i=1", "v=1", "at=2027-01-01 00:00:00"}},
		"status is none of":       {"{becomes: jobs, table: j, columns: {job_id: i, owner_id: o, status: s}}", []string{"i=" + other, "o=" + user, "s=busy"}},
		"progress is no integer":  {"{becomes: jobs, table: j, columns: {job_id: i, owner_id: o, progress: p}}", []string{"i=" + other, "o=" + user, "p=101"}},
		"attempt is no integer":   {"{becomes: jobs, table: j, columns: {job_id: i, owner_id: o, attempt: a}}", []string{"i=" + other, "o=" + user, "a=0"}},
		"result_url is too long":  {"{becomes: jobs, table: j, columns: {job_id: i, owner_id: o, result_url: r}}", []string{"i=" + other, "o=" + user, "r=" + strings.Repeat("x", 2049)}},
		"category is not":         {"{becomes: notifications, table: n, columns: {notification_id: i, user_id: u, category: c}}", []string{"i=" + other, "u=" + user, "c=Big News"}},
		"payload is too long":     {"{becomes: notifications, table: n, columns: {notification_id: i, user_id: u, category: c, payload: p}}", []string{"i=" + other, "u=" + user, "c=a", "p=" + strings.Repeat("1", 4097)}},
		"blocked_id is the user":  {"{becomes: blocks, table: b, columns: {user_id: u, blocked_id: w}}", []string{"u=" + user, "w=" + user}},
		"view_count is no":        {"{becomes: baselines, table: s, columns: {video_id: v, view_count: n}}", []string{"v=1", "n=-1"}},
		"view_id is too long":     {"{becomes: views, table: w, columns: {view_id: i, video_id: v, time: at}}", []string{"i=" + strings.Repeat("k", 300), "v=1", "at=2026-01-01"}},
		"notification_id is null": {"{becomes: notifications, table: n, columns: {notification_id: i, user_id: u, category: c}}", []string{"i", "u=" + user, "c=a"}},
	} {
		p, row := rowOf(t, c.entry, c.row...)
		made, err := p.Present(nil, row, Moment{Name: "n", At: readAt})
		var unfit *Unfit
		if !errors.As(err, &unfit) || !strings.HasPrefix(err.Error(), says) || len(made) > 0 {
			t.Errorf("%s: %v, %d events", says, err, len(made))
		}
	}
}

func TestConditionsDecideWhetherARowIsThere(t *testing.T) {
	const entry = "{becomes: videos, table: v, columns: {video_id: id}, where: {state: [live, featured], gone: null, spam: false, level: 3}}"
	for cells, want := range map[string]string{
		"state=live gone spam=f level=3":         "there",
		"state=featured gone spam=f level=3":     "there",
		"state=draft gone spam=f level=3":        "not",
		"state gone spam=f level=3":              "not",
		"state=live gone=2026 spam=f level=3":    "not",
		"state=live gone spam=t level=3":         "not",
		"state=live gone spam=f level=4":         "not",
		"state? gone spam=f level=3":             "unknown",
		"state? gone=2026-01-01 spam=f level=3":  "not",
		"state=live gone? spam? level=3":         "unknown",
		"state=featured gone spam=f level=three": "not",
	} {
		p, row := rowOf(t, entry, append([]string{"id=1"}, strings.Fields(cells)...)...)
		there, known := p.There(row)
		got := map[string]string{"true true": "there", "false true": "not", "true false": "unknown", "false false": "unknown"}[fmt.Sprint(there, known)]
		if got != want {
			t.Errorf("%s: %s, want %s", cells, got, want)
		}
	}
}
