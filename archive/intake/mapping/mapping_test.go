package mapping

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func parse(t *testing.T, text string) *Mapping {
	t.Helper()
	m, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestExampleIsAMapping(t *testing.T) {
	m, err := Load("../testdata/shortvideo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Entries) < 9 {
		t.Errorf("%d entries", len(m.Entries))
	}
}

func TestMappingRefusesWhatCannotBeMeant(t *testing.T) {
	const likes = "{becomes: likes, table: likes, columns: {video_id: video, user_id: fan}}"
	for name, c := range map[string]struct{ text, says string }{
		"nothing":              {"", ""},
		"no source":            {"entries: [" + likes + "]", "source"},
		"no YAML":              {"source: app\nentries:\n  ! a remark\n  - becomes: likes\n", "YAML"},
		"no entries":           {"source: app", "entries"},
		"unknown member":       {"source: app\nmystery: 1\nentries: [" + likes + "]", "mystery"},
		"unknown kind":         {"source: app\nentries: [{becomes: stars, table: t}]", "baselines, blocks"},
		"no table":             {"source: app\nentries: [{becomes: likes, columns: {video_id: v, user_id: u}}]", "table or a query"},
		"table and query":      {"source: app\nentries: [{becomes: likes, table: t, query: SELECT 1, columns: {video_id: v, user_id: u}}]", "not both"},
		"missing column":       {"source: app\nentries: [{becomes: likes, table: t, columns: {video_id: v}}]", "user_id"},
		"foreign member":       {"source: app\nentries: [{becomes: likes, table: t, columns: {video_id: v, user_id: u, status: s}}]", "has no status"},
		"column and constant":  {"source: app\nentries: [{becomes: likes, table: t, columns: {video_id: v, user_id: u}, constants: {user_id: x}}]", "keep one"},
		"translated constant":  {"source: app\nentries: [{becomes: jobs, table: t, columns: {job_id: j, owner_id: o}, translate: {status: {a: queued}}}]", "translate"},
		"views without a time": {"source: app\nentries: [{becomes: views, table: t, columns: {view_id: i, video_id: v}}]", "time"},
		"constant baseline":    {"source: app\nentries: [{becomes: baselines, table: t, columns: {video_id: v, view_count: n}, constants: {like_count: 5}}]", "give it a column"},
		"baselines of a table": {"source: app\nentries: [{becomes: baselines, table: t, columns: {video_id: v, view_count: n}}, {becomes: baselines, table: t, columns: {video_id: v, remix_count: n}}]", "entries 1 and 2"},
		"source of likes":      {"source: app\nentries: [{becomes: likes, table: t, source: s, columns: {video_id: v, user_id: u}}]", "only baselines"},
		"baselines of queries": {"source: app\nentries: [{becomes: baselines, query: SELECT 1, columns: {video_id: v, view_count: n}}, {becomes: baselines, query: SELECT 2, columns: {video_id: v, remix_count: n}}]", "all in one"},
		"empty baseline":       {"source: app\nentries: [{becomes: baselines, table: t, columns: {video_id: v}}]", "view_count"},
		"condition of a map":   {"source: app\nentries: [{becomes: likes, table: t, columns: {video_id: v, user_id: u}, where: {a: {b: c}}}]", "null, text, number"},
		"kind of ID":           {"source: app\nids: {clip: derived}\nentries: [" + likes + "]", "clip"},
		"form of ID":           {"source: app\nids: {video: serial}\nentries: [" + likes + "]", "uuid or derived"},
		"namespace":            {"source: app\nnamespace: here\nentries: [" + likes + "]", "no UUID"},
		"time zone":            {"source: app\ntime_zone: Mars/Olympus\nentries: [" + likes + "]", "time_zone"},
		"counted twice":        {"source: app\nentries: [" + likes + ", {becomes: baselines, table: stats, columns: {video_id: v, like_count: n}}]", "count twice"},
	} {
		_, err := Parse([]byte(c.text))
		if err == nil || !errors.Is(err, ErrMapping) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q", name, err, c.says)
		}
	}
}

// TestARefusalNamesTheLine on which the entry begins.
func TestARefusalNamesTheLine(t *testing.T) {
	const head = "# one\nsource: app\n\nentries:\n  # five\n  - becomes: likes\n    table: l\n    columns: {video_id: v, user_id: u}\n\n"
	for text, says := range map[string]string{
		head + "  - table: l\n    becomes: stars":                                                "entry 2 (l → stars, line 10)",
		head + "  - {becomes: stars,\n    table: l}":                                             "entry 2 (l → stars, line 10)",
		head + "  - becomes: baselines\n    table: s\n    columns: {video_id: v, like_count: n}": "entry 1 (l → likes, line 6)",
		"entries:\n- becomes: stars\nsource: app":                                                "entry 1 (query → stars, line 2)",
		"x: &e {becomes: stars}\nentries: [*e]\nsource: app":                                     "x",
		head + "  - becomes: likes\n    colums: {}":                                              "[11:5]",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; want %q", text, err, says)
		}
	}
	m := parse(t, head)
	if _, err := m.Plan(&m.Entries[0], []string{"v"}); err == nil || !strings.Contains(err.Error(), `l → likes, line 6: there is no column "u"`) {
		t.Error(err)
	}
}

func TestPlanNamesTheColumnThatIsMissing(t *testing.T) {
	m := parse(t, "source: app\nentries: [{becomes: likes, table: likes, columns: {video_id: video, user_id: fan}, where: {gone: null}}]")
	for _, columns := range [][]string{{"video", "gone"}, {"video", "fan"}} {
		if _, err := m.Plan(&m.Entries[0], columns); !errors.Is(err, ErrMapping) {
			t.Errorf("%v: %v", columns, err)
		}
	}
}

func TestPlanKnowsWhatItReadsAndWhatTakingBackNeeds(t *testing.T) {
	m := parse(t, `
source: app
entries:
  - {becomes: videos, table: v, columns: {video_id: id, author_id: by}, where: {state: live}}
  - {becomes: likes, table: l, columns: {video_id: video, user_id: fan|user}, where: {gone: null}}
  - {becomes: jobs, table: j, columns: {job_id: id, owner_id: owner}}
  - {becomes: comments, table: c, columns: {comment_id: id, video_id: video}, where: {state: live}}
  - {becomes: views, table: w, columns: {view_id: id, video_id: video, time: other}, where: {state: live}}
  - {becomes: views, table: x, columns: {view_id: id, video_id: video, time: other}}
`)
	columns := []string{"id", "by", "state", "video", "user", "gone", "owner", "other"}
	for i, want := range []string{
		"by id state, id state", "gone user video, video user", "id owner, ", "id state video, video id state", "id other state video, state", "id other video, ",
	} {
		p, err := m.Plan(&m.Entries[i], columns)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.Needed(), " ") + ", " + strings.Join(p.NeededOld(), " "); got != want {
			t.Errorf("%s: %s; want %s", m.Entries[i].Becomes, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	example, err := os.ReadFile("../testdata/shortvideo.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example))
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := Parse([]byte(text)); err == nil && len(m.Entries) == 0 {
			t.Fatal("a mapping without entries")
		}
	})
}
