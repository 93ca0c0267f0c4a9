package intake

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestRolesThatWriteTimesOtherwise: whatever time zone and form of dates the role and the
// database are set to, rows and changes say the same times.
func TestRolesThatWriteTimesOtherwise(t *testing.T) {
	w := newWorld(t)
	w.seed()
	var name string
	if err := w.conn.QueryRow(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{"timezone = 'Asia/Kathmandu'", "datestyle = 'German, DMY'", "intervalstyle = 'sql_standard'", "bytea_output = 'escape'"} {
		w.exec("ALTER DATABASE " + name + " SET " + set)
	}
	w.conn = w.connect()
	if bad := w.imports(w.counts).Bad(); bad != 0 {
		t.Errorf("%d rows are not in", bad)
	}
	w.equal()
	for round := range 2 {
		w.captures()
		w.equal()
		if err := w.lives(t.Context(), w.connect(), uint64(round), int64(1000*(round+1)), 100); err != nil {
			t.Fatal(err)
		}
	}
	w.captures()
	w.equal()
}

// TestNamesThatNeedQuotes of schemas, tables and columns.
func TestNamesThatNeedQuotes(t *testing.T) {
	w := newWorld(t)
	w.exec(`CREATE SCHEMA "Der ""Laden"`)
	w.exec(`CREATE TABLE "Der ""Laden"."Likes; DROP" ("Video-ID" bigint, "user" text, PRIMARY KEY ("Video-ID", "user"))`)
	w.maps(`{becomes: likes, table: 'Der "Laden.Likes; DROP', columns: {video_id: 'Video-ID', user_id: user}}`)
	w.exec(`INSERT INTO "Der ""Laden"."Likes; DROP" VALUES (1, 'a'), (1, 'b')`)
	w.captures()
	w.wantLikes(1, 2)
	w.exec(`INSERT INTO "Der ""Laden"."Likes; DROP" VALUES (1, ''), (1, ' '), (1, E'\n'), (1, repeat('long', 600)), (1, 'ü'), (1, E'u\u0308')`)
	w.exec(`DELETE FROM "Der ""Laden"."Likes; DROP" WHERE "user" = 'a'`)
	w.captures()
	w.wantLikes(1, 7)
}

// TestATableThatIsAlteredBeforeItsFirstChange is followed by what it is then.
func TestATableThatIsAlteredBeforeItsFirstChange(t *testing.T) {
	w := newWorld(t)
	w.mapsLikes("app.likes")
	w.exec(`INSERT INTO app.likes VALUES (1, 1), (1, 2)`)
	w.captures()
	w.exec(`ALTER TABLE app.likes ADD COLUMN mood text DEFAULT 'good'`)
	w.exec(`INSERT INTO app.likes (video_id, user_id) VALUES (1, 3)`)
	w.exec(`ALTER TABLE app.likes DROP COLUMN mood, ADD COLUMN rank int`)
	w.exec(`ALTER TABLE app.likes ALTER COLUMN user_id TYPE numeric`)
	w.exec(`INSERT INTO app.likes (video_id, user_id) VALUES (1, 4)`)
	w.exec(`DELETE FROM app.likes WHERE user_id = 1`)
	w.captures()
	w.wantLikes(1, 3)
}

// TestRowsWithoutAnIDAreLeftOut, and named; their neighbours count.
func TestRowsWithoutAnIDAreLeftOut(t *testing.T) {
	w := newWorld(t)
	w.exec(`CREATE TABLE app.stars (video_id bigint, user_id bigint)`)
	w.exec(`ALTER TABLE app.stars REPLICA IDENTITY FULL`)
	w.mapsLikes("app.stars")
	w.exec(`INSERT INTO app.stars VALUES (1, 1), (NULL, 1), (1, NULL)`)
	w.captures()
	w.exec(`INSERT INTO app.stars VALUES (1, 2), (NULL, 2), (1, NULL)`)
	w.exec(`UPDATE app.stars SET user_id = 3 WHERE user_id IS NULL`)
	w.exec(`UPDATE app.stars SET user_id = NULL WHERE user_id = 1 AND video_id = 1`)
	w.captures()
	w.wantLikes(1, 2)
}

// TestALargeTransactionThatIsRolledBack in part, or as a whole, tells what was committed.
func TestALargeTransactionThatIsRolledBack(t *testing.T) {
	w := newWorld(t)
	w.mapsLikes("app.likes")
	w.captures()
	w.exec(`BEGIN`)
	w.exec(`INSERT INTO app.likes SELECT 1, u FROM generate_series(1, 60000) u`)
	w.exec(`ROLLBACK`)
	w.exec(`BEGIN`)
	w.exec(`INSERT INTO app.likes SELECT 1, u FROM generate_series(1, 10) u`)
	w.exec(`SAVEPOINT half`)
	w.exec(`INSERT INTO app.likes SELECT 1, u FROM generate_series(11, 60000) u`)
	w.exec(`ROLLBACK TO half`)
	w.exec(`INSERT INTO app.likes SELECT 1, u FROM generate_series(70001, 70005) u`)
	w.exec(`COMMIT`)
	w.captures()
	w.wantLikes(1, 15)
}

// TestACaptureThatWasEndedHalfWay: the slot is gone and the publication is left, or the
// other way round. To end it again ends it, and it may begin anew.
func TestACaptureThatWasEndedHalfWay(t *testing.T) {
	w := newWorld(t)
	w.mapsLikes("app.likes")
	w.exec(`INSERT INTO app.likes VALUES (1, 1)`)
	for _, half := range []string{"SELECT pg_drop_replication_slot('" + w.slot + "')", `DROP PUBLICATION "` + w.slot + `"`} {
		w.captures()
		for w.active() {
			time.Sleep(time.Millisecond)
		}
		w.exec(half)
		if err := w.capture(w.counts).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "end the capture with --drop") {
			t.Errorf("goes on after %s: %v", half, err)
		}
		for range 2 {
			if err := Drop(t.Context(), w.url, w.slot); err != nil {
				t.Errorf("after %s: %v", half, err)
			}
		}
		if err := (State{}).write(w.state); err != nil {
			t.Fatal(err)
		}
		w.exec(`INSERT INTO app.likes SELECT 1, max(user_id) + 1 FROM app.likes`)
	}
	w.captures()
	w.wantLikes(1, 3)
	if err := errors.Join(Drop(t.Context(), w.url, w.slot)); err != nil {
		t.Error(err)
	}
}

func (w *world) active() (active bool) {
	w.t.Helper()
	if err := w.conn.QueryRow(w.t.Context(), "SELECT active FROM pg_replication_slots WHERE slot_name = $1", w.slot).Scan(&active); err != nil {
		w.t.Fatal(err)
	}
	return active
}
