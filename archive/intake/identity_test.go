package intake

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestAnIndexMayTellWhichRowItWas in the place of the primary key.
func TestAnIndexMayTellWhichRowItWas(t *testing.T) {
	w := newWorld(t)
	w.exec(`CREATE TABLE app.stars (id serial PRIMARY KEY, video_id bigint NOT NULL, user_id bigint NOT NULL, note text)`)
	w.exec(`CREATE UNIQUE INDEX pair ON app.stars (user_id, video_id); ALTER TABLE app.stars REPLICA IDENTITY USING INDEX pair`)
	w.mapsLikes("app.stars")
	w.exec(`INSERT INTO app.stars (video_id, user_id) SELECT 1, u FROM generate_series(1, 6) u`)
	w.captures()
	w.exec(`DELETE FROM app.stars WHERE user_id = 1`)
	w.exec(`UPDATE app.stars SET video_id = 2 WHERE user_id = 2`)
	w.exec(`UPDATE app.stars SET note = 'x', id = id + 100 WHERE user_id = 3`)
	w.captures()
	w.wantLikes(1, 4)
	w.wantLikes(2, 1)

	// Without it Postgres refuses the application's changes; so that is said, and goes on.
	w.exec(`ALTER TABLE app.stars REPLICA IDENTITY NOTHING`)
	w.exec(`INSERT INTO app.stars (video_id, user_id) VALUES (1, 7)`)
	if _, err := w.conn.Exec(t.Context(), `DELETE FROM app.stars WHERE user_id = 7`); err == nil {
		t.Error("a row without an identity is deleted")
	}
	w.stops(ErrSetUp, "REPLICA IDENTITY NOTHING")
	w.exec(`ALTER TABLE app.stars REPLICA IDENTITY FULL`)
	w.exec(`DELETE FROM app.stars WHERE user_id = 4`)
	w.captures()
	w.wantLikes(1, 4)
}

// partitions makes a table of likes with that key, in two partitions; it tells whole rows, and
// they tell their keys.
func (w *world) partitions(key string) {
	w.t.Helper()
	w.exec(`CREATE TABLE app.taps (id bigint, video_id bigint NOT NULL, user_id bigint NOT NULL, PRIMARY KEY (` + key + `)) PARTITION BY RANGE (id)`)
	w.exec(`ALTER TABLE app.taps REPLICA IDENTITY FULL`)
	w.exec(`CREATE TABLE app.taps_0 PARTITION OF app.taps FOR VALUES FROM (0) TO (100)`)
	w.exec(`CREATE TABLE app.taps_1 PARTITION OF app.taps FOR VALUES FROM (100) TO (200)`)
	w.mapsLikes("app.taps")
}

// TestAPartitionMustTellWhatItsTableDoes: a new one has an identity of its own.
func TestAPartitionMustTellWhatItsTableDoes(t *testing.T) {
	w := newWorld(t)
	w.partitions("id")
	w.exec(`ALTER TABLE app.taps_0 REPLICA IDENTITY FULL`)
	w.exec(`INSERT INTO app.taps SELECT u, 1, u FROM generate_series(1, 110) u`)
	w.stops(ErrSetUp, `ALTER TABLE "app"."taps_1" REPLICA IDENTITY FULL`)
	w.exec(`ALTER TABLE app.taps_1 REPLICA IDENTITY FULL`)
	w.captures()
	w.exec(`DELETE FROM app.taps WHERE id > 90`)
	w.exec(`UPDATE app.taps SET user_id = user_id + 1000 WHERE id < 10`)
	w.captures()
	w.wantLikes(1, 90)

	// One that comes while the table is followed.
	w.exec(`INSERT INTO app.taps VALUES (91, 1, 91)`)
	capture := w.capture(w.counts)
	capture.UntilCaughtUp = false
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- capture.Run(ctx) }()
	awaitTransactions(t, capture, 1)
	w.exec(`CREATE TABLE app.taps_2 PARTITION OF app.taps FOR VALUES FROM (200) TO (300)`)
	if err := <-ended; !errors.Is(err, ErrSetUp) || !strings.Contains(err.Error(), `"app"."taps_2"`) {
		t.Fatalf("beside a partition that tells too little: %v", err)
	}
	w.exec(`ALTER TABLE app.taps_2 REPLICA IDENTITY FULL`)
	w.exec(`INSERT INTO app.taps VALUES (201, 1, 201), (202, 1, 202)`)
	w.exec(`DELETE FROM app.taps WHERE id = 201`)
	w.captures()
	w.wantLikes(1, 92)
}

// TestAChangeOfAPartitionThatDidNotTellEnough stops the capture, although it would tell now.
func TestAChangeOfAPartitionThatDidNotTellEnough(t *testing.T) {
	for name, change := range map[string]string{
		"a deletion": `DELETE FROM app.taps WHERE id = 2`,
		"an update":  `UPDATE app.taps SET user_id = 1000 WHERE id = 2`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.partitions("id")
			w.exec(`ALTER TABLE app.taps_0 REPLICA IDENTITY FULL; ALTER TABLE app.taps_1 REPLICA IDENTITY FULL`)
			w.exec(`INSERT INTO app.taps SELECT u, 1, u FROM generate_series(1, 5) u`)
			w.captures()
			w.exec(`ALTER TABLE app.taps_0 REPLICA IDENTITY DEFAULT`)
			w.exec(change)
			w.exec(`ALTER TABLE app.taps_0 REPLICA IDENTITY FULL`)
			w.stops(ErrSchemaChanged, "or that of a partition")
			w.wantLikes(1, 5)
		})
	}
}

// TestAPartitionTellsWholeRowsAsItsTable although its key tells what is needed: what it left
// out would be taken for null, and a change that tells no key for one that tells too little.
func TestAPartitionTellsWholeRowsAsItsTable(t *testing.T) {
	w := newWorld(t)
	w.partitions("id, video_id, user_id")
	w.exec(`INSERT INTO app.taps SELECT u, 1, u FROM generate_series(1, 110) u`)
	w.maps("{becomes: views, table: app.taps, columns: {view_id: id, video_id: video_id}, constants: {time: 2026-01-02T03:04:05Z}}")
	w.captures() // no row before is needed
	w.forgets()
	w.mapsLikes("app.taps")
	w.stops(ErrSetUp, `ALTER TABLE "app"."taps_0" REPLICA IDENTITY FULL`)
	w.exec(`ALTER TABLE app.taps_0 REPLICA IDENTITY FULL; ALTER TABLE app.taps_1 REPLICA IDENTITY FULL`)
	w.captures()
	w.exec(`UPDATE app.taps SET user_id = user_id`)
	w.exec(`DELETE FROM app.taps WHERE id > 90`)
	w.captures()
	w.wantLikes(1, 90)

	w.forgets()
	w.exec(`ALTER TABLE app.taps REPLICA IDENTITY DEFAULT; ALTER TABLE app.taps_0 REPLICA IDENTITY DEFAULT`)
	w.captures()
	w.exec(`UPDATE app.taps SET user_id = user_id`)
	w.exec(`DELETE FROM app.taps WHERE id > 80`)
	w.captures()
	w.wantLikes(1, 80)
}
