package load_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// expectation is a recount of a trace that shares no code with the product.
type expectation struct {
	Events        int               `json:"events"`
	LeftOut       int               `json:"left_out"`
	RepeatedIDs   int               `json:"repeated_ids"`
	RepeatedLikes int               `json:"repeated_likes"`
	Unknown       []string          `json:"unknown"`
	Videos        map[string]counts `json:"videos"`
}

type counts struct {
	Views, Likes, Comments, Remixes int
}

// imported is what tidemark load --json prints of an import.
type imported struct {
	Sent, Accepted, Duplicates, Rejected int
	LeftOut                              map[string]int `json:"left_out"`
}

func TestImportedTraceHasTheCountsOfAnIndependentRecount(t *testing.T) {
	t.Parallel()
	for _, trace := range []string{"kuairand-cut", "nostr-trace"} {
		want := decodeFile[expectation](t, filepath.Join("testdata", trace+".expected.json"))
		path := filepath.Join("testdata", trace+".ndjson")
		for name, order := range map[string]struct {
			flags []string
			times int
		}{
			"as it is": {nil, 1},
			"shuffled": {[]string{"--shuffle", "11", "--format", "batch", "--batch-size", "77"}, 1},
			"doubled":  {[]string{"--repeat", "2", "--concurrency", "1"}, 2},
			"both":     {[]string{"--repeat", "2", "--shuffle", "5", "--concurrency", "8", "--batch-size", "100"}, 2},
		} {
			t.Run(trace+" "+name, func(t *testing.T) {
				t.Parallel()
				address := serve(t)
				flags := append([]string{"--url", address, "--trace", path, "--json"}, order.flags...)
				stdout, stderr, err := loads(t, flags...)
				if err != nil {
					t.Fatalf("%v: %s", err, stderr)
				}
				report := decode[imported](t, []byte(stdout))
				leftOut := 0
				for _, n := range report.LeftOut {
					leftOut += n
				}
				sent := order.times * (want.Events - want.LeftOut)
				if report.Sent != sent || report.Accepted+report.Duplicates != sent || report.Rejected != 0 || leftOut != want.LeftOut {
					t.Errorf("the report is %+v; want %d sent, none rejected, %d left out", report, sent, want.LeftOut)
				}
				// Not all of them: a like told again counts as accepted where a
				// later like of the pair stands.
				if repeats := sent - want.Events + want.LeftOut; report.Duplicates < repeats/2 {
					t.Errorf("%d duplicates of %d repeated events", report.Duplicates, repeats)
				}
				wantCounts(t, address, want)
			})
		}
	}
}

// TestTracesRepeatThemselves guards the test data: a trace without repetitions
// would prove nothing.
func TestTracesRepeatThemselves(t *testing.T) {
	t.Parallel()
	want := decodeFile[expectation](t, "testdata/kuairand-cut.expected.json")
	if want.RepeatedIDs < 100 || want.RepeatedLikes < 100 || len(want.Videos) < 100 {
		t.Errorf("%d repeated IDs, %d repeated likes, %d videos; want 100 of each at least",
			want.RepeatedIDs, want.RepeatedLikes, len(want.Videos))
	}
}

func TestImportFailsForRejectedEventsAndKeepsTheOthers(t *testing.T) {
	t.Parallel()
	address := serve(t)
	path := filepath.Join(t.TempDir(), "trace.ndjson")
	lines := `{"id":"a","type":"view","video":"v","user":"u","ts":1700000000000}
{"id":"b","type":"view","video":"v","user":"u","ts":99999999999999}
{"id":"c","type":"dislike","video":"w","user":"u","ts":1700000000000}
`
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err := loads(t, "--url", address, "--trace", path, "--json")
	if err == nil {
		t.Errorf("exit status 0 with a rejected event; it said %s", stderr)
	}
	if report := decode[imported](t, []byte(stdout)); report.Accepted != 1 || report.Rejected != 1 || report.LeftOut["dislike"] != 1 {
		t.Errorf("the report is %s; want 1 accepted, 1 rejected, 1 dislike left out", stdout)
	}
	wantCounts(t, address, expectation{Videos: map[string]counts{"v": {Views: 1}}, Unknown: []string{"w"}})
}

// wantCounts compares every video, and that those without events are unknown.
func wantCounts(t *testing.T, address string, want expectation) {
	t.Helper()
	names := slices.Clone(want.Unknown)
	for name := range want.Videos {
		names = append(names, name)
	}
	wrong := 0
	for part := range slices.Chunk(names, 1000) {
		videos := metadata(t, address, part)
		for _, name := range part {
			video, known := videos[id(name)]
			counted, expected := want.Videos[name]
			got := counts{video["view_count"], video["like_count"], video["comment_count"], video["remix_count"]}
			if known != expected || got != counted {
				wrong++
				if wrong < 10 {
					t.Errorf("video %s: known %v with %+v, want %v with %+v", name, known, got, expected, counted)
				}
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d videos are wrong", wrong, len(names))
	}
}

func metadata(t *testing.T, address string, names []string) map[string]map[string]int {
	t.Helper()
	ids := make([]string, len(names))
	for i, name := range names {
		ids[i] = id(name)
	}
	body, err := json.Marshal(map[string][]string{"video_ids": ids})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(address+"/v1/videos/batch-metadata", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var found struct {
		Videos map[string]map[string]int `json:"videos"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("batch-metadata: %s, %v", answer.Status, err)
	}
	return found.Videos
}

// id derives a video's UUID as the description of the traces says.
func id(name string) string {
	namespace := uuid.MustParse("6ba7b812-9dad-11d1-80b4-00c04fd430c8")
	return strings.ToLower(uuid.NewSHA1(namespace, []byte(name)).String())
}

func decode[T any](t *testing.T, text []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func decodeFile[T any](t *testing.T, path string) T {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return decode[T](t, text)
}
