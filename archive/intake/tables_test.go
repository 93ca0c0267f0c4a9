package intake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/archive/intake/mapping"
)

// maps has the world's mapping hold these entries only.
func (w *world) maps(entries string) {
	w.t.Helper()
	m, err := mapping.Parse([]byte("source: app\nids: {all: derived}\nentries: [" + entries + "]"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.mapping = m
}

// mapsLikes has the world's mapping hold a table of likes only, whose columns
// are called as ours.
func (w *world) mapsLikes(table string) {
	w.t.Helper()
	w.maps("{becomes: likes, table: " + table + ", columns: {video_id: video_id, user_id: user_id}}")
}

func (w *world) wantLikes(video, want int64) {
	w.t.Helper()
	if got, _ := w.counts.video(video); got[1] != want {
		w.t.Errorf("video %d has %d likes, want %d", video, got[1], want)
	}
}

// stops runs the capture, which ends with an error that says what is wrong.
func (w *world) stops(with error, says string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := w.capture(w.counts).Run(ctx); !errors.Is(err, with) || !strings.Contains(err.Error(), says) {
		w.t.Fatalf("the capture ends with %v, want %v that says %q", err, with, says)
	}
}

// forgets ends the capture with slot, publication and state, as somebody does who
// imports anew.
func (w *world) forgets() {
	w.t.Helper()
	if err := errors.Join(Drop(w.t.Context(), w.url, w.slot), os.Remove(w.state)); err != nil {
		w.t.Fatal(err)
	}
}

func TestATableIsTheOneThatTheSearchPathFinds(t *testing.T) {
	w := newWorld(t)
	w.url += "&options=-c%20search_path%3Dapp"
	w.mapsLikes("likes")
	w.exec("INSERT INTO app.likes SELECT 1, u FROM generate_series(1, 3) u")
	w.captures()
	w.exec("INSERT INTO app.likes SELECT 1, u FROM generate_series(4, 5) u")
	w.captures()
	w.wantLikes(1, 5)
}

// TestCaptureFollowsATableThatIsRenamed loses nothing of what it tells under its
// new name before the mapping knows that.
func TestCaptureFollowsATableThatIsRenamed(t *testing.T) {
	w := newWorld(t)
	w.mapsLikes("app.likes")
	w.exec("INSERT INTO app.likes SELECT 1, u FROM generate_series(1, 3) u")
	w.captures()
	w.exec("INSERT INTO app.likes VALUES (1, 4)")
	capture := w.capture(w.counts)
	capture.UntilCaughtUp = false
	ended := make(chan error, 1)
	go func() { ended <- capture.Run(t.Context()) }()
	awaitTransactions(t, capture, 1)
	w.exec("ALTER TABLE app.likes RENAME TO hearts")
	w.exec("INSERT INTO app.hearts VALUES (1, 5)")
	if err := <-ended; !errors.Is(err, ErrSchemaChanged) || !strings.Contains(err.Error(), "app.likes") {
		t.Fatal(err)
	}
	w.mapsLikes("app.hearts")
	w.exec("INSERT INTO app.hearts VALUES (1, 6)")
	w.captures()
	w.wantLikes(1, 6)
}

// TestStartValuesKeepTheirName: under another they would count besides.
func TestStartValuesKeepTheirName(t *testing.T) {
	w := newWorld(t)
	const entry = "{becomes: baselines, table: app.stats, columns: {video_id: video_id, view_count: views}"
	w.maps(strings.Replace(entry, "app.stats", "app.video_stats", 1) + "}")
	w.exec("INSERT INTO app.video_stats VALUES (1, 100)")
	w.captures()
	w.exec("ALTER TABLE app.video_stats RENAME TO stats")
	w.exec("UPDATE app.stats SET views = 110")
	w.maps(entry + "}")
	w.stops(mapping.ErrMapping, "source: app.video_stats")
	w.maps(entry + ", source: app.video_stats}")
	for range 2 { // it is known by both names then
		w.captures()
		w.exec("UPDATE app.stats SET views = views + 1")
	}
	if got, _ := w.counts.video(1); got[0] != 111 {
		t.Errorf("%d views, want 111", got[0])
	}
}

// TestCaptureStopsAtATableThatIsAnother: its rows were not told.
func TestCaptureStopsAtATableThatIsAnother(t *testing.T) {
	for name, exchange := range map[string]string{
		"made anew": "DROP TABLE app.likes; CREATE TABLE app.likes (video_id bigint, user_id bigint, PRIMARY KEY (video_id, user_id)); INSERT INTO app.likes SELECT 1, u FROM generate_series(1, 3) u",
		"exchanged": `CREATE TABLE app.copy (LIKE app.likes INCLUDING ALL); INSERT INTO app.copy SELECT * FROM app.likes;
			ALTER TABLE app.likes RENAME TO old; ALTER TABLE app.copy RENAME TO likes`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mapsLikes("app.likes")
			w.exec("INSERT INTO app.likes SELECT 1, u FROM generate_series(1, 4) u")
			w.captures()
			w.exec("DELETE FROM app.likes WHERE user_id = 4")
			w.exec(exchange)
			w.exec("INSERT INTO app.likes VALUES (1, 7)")
			w.stops(ErrSchemaChanged, "app.likes")
			if err := os.Remove(w.state); err != nil {
				t.Fatal(err)
			}
			w.exec("INSERT INTO app.likes VALUES (1, 8)")
			w.captures()
			w.wantLikes(1, 5)
		})
	}
}

// TestATableThatIsExchangedWhileItIsFollowed is noticed, though the old one goes on.
func TestATableThatIsExchangedWhileItIsFollowed(t *testing.T) {
	w := newWorld(t)
	w.mapsLikes("app.likes")
	w.captures()
	w.exec("INSERT INTO app.likes VALUES (1, 1)")
	capture := w.capture(w.counts)
	capture.UntilCaughtUp = false
	ended := make(chan error, 1)
	go func() { ended <- capture.Run(t.Context()) }()
	awaitTransactions(t, capture, 1)
	w.exec("ALTER TABLE app.likes RENAME TO old; CREATE TABLE app.likes (LIKE app.old INCLUDING ALL)")
	if err := <-ended; !errors.Is(err, ErrSchemaChanged) {
		t.Errorf("%v", err)
	}
}

func TestATableThatComesIntoTheMappingIsImported(t *testing.T) {
	w := newWorld(t)
	w.seed()
	whole, part := w.mapping, *w.mapping
	part.Entries = slices.DeleteFunc(slices.Clone(whole.Entries), func(e mapping.Entry) bool { return e.Becomes == "remixes" })
	w.mapping = &part
	w.captures()
	w.exec("DELETE FROM app.likes WHERE user_id = 3")
	w.mapping = whole
	w.captures()
	w.exec(fmt.Sprintf("INSERT INTO app.remixes (id, original_id, author_id) SELECT 500, v, 1 FROM generate_series(1, %d) v", videos))
	w.captures()
	w.equal()
}
