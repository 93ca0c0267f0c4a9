package intake

import (
	"os"
	"testing"
	"time"
)

// TestACommentThatIsHeldBackCountsOnceItIsLetThrough: nothing may say before that it is
// gone, since what is deleted stays deleted.
func TestACommentThatIsHeldBackCountsOnceItIsLetThrough(t *testing.T) {
	w := newWorld(t)
	w.seed()
	w.captures()
	const held = "INSERT INTO app.comments (id, video_id, author_id, spam) VALUES ($1, 1, 1, true)"
	const edit = "UPDATE app.comments SET body = body || 'x' WHERE id = $1"
	const pass = "UPDATE app.comments SET spam = false WHERE id = $1"
	for id, steps := range map[int][]string{
		9001: {held, pass}, 9002: {held, edit, pass, edit}, 9003: {held, "", pass}, 9004: {held, "", edit, "", pass, "", edit},
		9005: {held, "", "UPDATE app.comments SET deleted_at = now() WHERE id = $1", pass},
	} {
		for _, step := range steps {
			if step == "" {
				w.captures()
			} else {
				w.exec(step, id)
			}
		}
	}
	w.captures()
	w.equal()
	if err := os.Remove(w.state); err != nil { // all is imported again beside the slot
		t.Fatal(err)
	}
	w.exec(held, 9010)
	w.exec(pass, 9010)
	w.captures()
	w.equal()
}

// TestAViewCountsOnceThoughItIsForgotten: neither a change of its row nor an import of what
// came into the mapping tells it again.
func TestAViewCountsOnceThoughItIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.counts = newCountsOf(time.Hour)
	later := time.Duration(0)
	w.counts.now = func() time.Time { return time.Now().Add(later) }
	views := func(want int64) {
		t.Helper()
		if got, _ := w.counts.video(1); got[0] != want {
			t.Fatalf("%d views, want %d", got[0], want)
		}
	}
	w.exec("CREATE TABLE app.watched (id bigint PRIMARY KEY, video_id bigint, at timestamptz DEFAULT now(), fan bigint, counts boolean DEFAULT true)")
	const watched = "{becomes: views, table: app.watched, columns: {view_id: id, video_id: video_id, time: at}}"
	w.maps(watched)
	w.exec("INSERT INTO app.watched (id, video_id) SELECT i, 1 FROM generate_series(1, 5) i")
	w.captures()
	views(5)
	w.exec("INSERT INTO app.watched (id, video_id, fan) VALUES (6, 1, 6)")
	w.captures()
	views(6)

	later = 50 * time.Hour
	w.exec("UPDATE app.watched SET fan = id")
	w.exec("INSERT INTO app.watched (id, video_id, fan) VALUES (7, 1, 7)")
	w.captures()
	views(7)

	// Another entry for the same table, and another table.
	later *= 2
	w.exec("ALTER TABLE app.watched REPLICA IDENTITY FULL")
	w.exec("INSERT INTO app.likes VALUES (1, 100), (1, 101)")
	w.maps(watched + ", {becomes: likes, table: app.watched, columns: {video_id: video_id, user_id: fan}, where: {counts: true}}, {becomes: likes, table: app.likes, columns: {video_id: video_id, user_id: user_id}}")
	w.captures()
	views(7)
	w.wantLikes(1, 9)

	// Conditions take the old values, and then only what came to be there counts.
	later *= 2
	w.maps("{becomes: views, table: app.watched, columns: {view_id: id, video_id: video_id, time: at}, where: {counts: true}}")
	w.exec("INSERT INTO app.watched (id, video_id, counts) VALUES (8, 1, false), (9, 1, false), (10, 1, true)")
	w.exec("UPDATE app.watched SET counts = true WHERE id = 9")
	w.exec("UPDATE app.watched SET fan = 0 WHERE id = 9")
	w.captures()
	views(9)
}

// TestEntriesThatAreAlikeAreImportedOnceEach wherever in the mapping they stand.
func TestEntriesThatAreAlikeAreImportedOnceEach(t *testing.T) {
	w := newWorld(t)
	w.counts = newCountsOf(time.Hour)
	later := time.Duration(0)
	w.counts.now = func() time.Time { return time.Now().Add(later) }
	w.exec("CREATE TABLE app.watched (id bigint PRIMARY KEY, video_id bigint, at timestamptz DEFAULT now(), country text, fan bigint, host bigint)")
	w.exec("ALTER TABLE app.watched REPLICA IDENTITY FULL")
	w.exec("INSERT INTO app.watched (id, video_id, country, fan, host) SELECT i, 1, CASE WHEN i <= 3 THEN 'de' WHEN i <= 8 THEN 'fr' ELSE 'it' END, i, 1000 + i % 2 FROM generate_series(1, 10) i")
	views := func(country string) string {
		return "{becomes: views, table: app.watched, columns: {view_id: id, video_id: video_id, time: at}, where: {country: " + country + "}}, "
	}
	likes := func(column string) string {
		return "{becomes: likes, table: app.watched, columns: {video_id: video_id, user_id: " + column + "}}, "
	}
	for _, step := range []struct {
		entries      string
		views, likes int64
	}{
		{views("de") + likes("fan"), 3, 10},
		{views("fr") + views("de") + likes("host") + likes("fan"), 8, 12},
		{views("it") + views("de") + views("fr") + likes("fan") + likes("host"), 10, 12},
		{views("fr"), 10, 12},
	} {
		w.maps(step.entries)
		w.captures()
		if got, _ := w.counts.video(1); got[0] != step.views || got[1] != step.likes {
			t.Fatalf("%s: %d views and %d likes, want %d and %d", step.entries, got[0], got[1], step.views, step.likes)
		}
		later += 50 * time.Hour
	}
}
