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
