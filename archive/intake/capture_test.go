package intake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/archive/archivetest"
	"github.com/tidemark-io/tidemark/archive/intake/mapping"
)

func TestCaptureFollowsEveryKindOfChange(t *testing.T) {
	w := newWorld(t)
	w.seed()
	w.captures()
	w.equal()
	for round := range 6 {
		if err := w.lives(t.Context(), w.connect(), uint64(round), int64(1000*(round+1)), 150); err != nil {
			t.Fatal(err)
		}
		w.captures()
		w.equal()
	}
}

// TestCaptureMissesNothingBetweenImportAndChanges has the application go on
// while the capture begins, imports and follows.
func TestCaptureMissesNothingBetweenImportAndChanges(t *testing.T) {
	w := newWorld(t)
	w.seed()
	ended := make(chan error, 2)
	for i := range 2 {
		conn := w.connect()
		go func() { ended <- w.lives(t.Context(), conn, uint64(i), int64(10_000*(i+1)), 800) }()
	}
	w.captures()
	for range 2 {
		// Two writers meet on rows; one that is told to try again has done its part.
		if err := <-ended; err != nil && !strings.Contains(err.Error(), "deadlock") && !strings.Contains(err.Error(), "duplicate key") {
			t.Fatal(err)
		}
	}
	w.captures()
	w.equal()
}

// TestCaptureIsExactWhateverBreaks cuts the capture off at random, in its import
// too: it is stopped, its sink fails before or after taking a batch, its state
// is lost, Postgres is killed.
func TestCaptureIsExactWhateverBreaks(t *testing.T) {
	t.Parallel()
	s := archivetest.Start(t)
	w := newWorldOn(t, s.URL("postgres"))
	w.seed()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	for round := range 16 {
		ctx, stop := context.WithTimeout(t.Context(), time.Duration(random.IntN(100))*time.Millisecond)
		err := w.capture(&breaking{Sink: w.counts, random: rand.New(rand.NewPCG(seed, uint64(round))), once: 6}).Run(ctx)
		stop()
		if err != nil && !errors.Is(err, errFailing) {
			t.Fatalf("round %d: %v", round, err)
		}
		if round%7 == 3 {
			s.Restart()
			w.conn = w.connect()
		}
		if round%10 == 5 { // as if the file were lost
			if err := (State{}).write(w.state); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.lives(t.Context(), w.connect(), seed+uint64(round), int64(1000*(round+1)), 40); err != nil {
			t.Fatal(err)
		}
	}
	w.captures()
	w.equal()
}

// breaking is a sink that fails once in so many batches, before or after it
// has taken one.
type breaking struct {
	Sink
	random *rand.Rand
	once   int
	mu     sync.Mutex
}

func (b *breaking) roll() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.random.IntN(2 * b.once)
}

func (b *breaking) Send(ctx context.Context, batch [][]byte) (o Outcome, err error) {
	switch b.roll() {
	case 0:
		return o, errFailing
	case 1:
		_, err = b.Sink.Send(ctx, batch)
		return o, errors.Join(err, errFailing)
	}
	return b.Sink.Send(ctx, batch)
}

func TestCaptureRefusesTablesThatDoNotTellEnough(t *testing.T) {
	w := newWorld(t)
	for says, c := range map[string]struct{ prepare, entry string }{
		"REPLICA IDENTITY FULL": {
			"CREATE TABLE app.stars (id serial PRIMARY KEY, video_id uuid, user_id uuid)",
			"{becomes: likes, table: app.stars, columns: {video_id: video_id, user_id: user_id}}",
		},
		"what its hidden was": {
			"CREATE TABLE app.words (video_id uuid, id uuid, hidden boolean, PRIMARY KEY (video_id, id))",
			"{becomes: comments, table: app.words, columns: {video_id: video_id, comment_id: id}, where: {hidden: false}}",
		},
		"what its counts was": {
			"CREATE TABLE app.watched (id bigint PRIMARY KEY, video_id uuid, at timestamptz, counts boolean)",
			"{becomes: views, table: app.watched, columns: {view_id: id, video_id: video_id, time: at}, where: {counts: true}}",
		},
		"REPLICA IDENTITY NOTHING": {
			"CREATE TABLE app.silent (video_id uuid, user_id uuid, PRIMARY KEY (video_id, user_id)); ALTER TABLE app.silent REPLICA IDENTITY NOTHING",
			"{becomes: likes, table: app.silent, columns: {video_id: video_id, user_id: user_id}}",
		},
		"lost the index": {
			"CREATE TABLE app.unkeyed (video_id uuid NOT NULL, user_id uuid NOT NULL); CREATE UNIQUE INDEX pair ON app.unkeyed (video_id, user_id); ALTER TABLE app.unkeyed REPLICA IDENTITY USING INDEX pair; DROP INDEX app.pair",
			"{becomes: likes, table: app.unkeyed, columns: {video_id: video_id, user_id: user_id}}",
		},
		"no table, so it tells no changes": {
			"CREATE VIEW app.liked AS SELECT * FROM app.likes",
			"{becomes: likes, table: app.liked, columns: {video_id: video_id, user_id: user_id}}",
		},
		"no primary key": {
			"CREATE TABLE app.seen (id bigint, video_id uuid, at timestamptz)",
			"{becomes: views, table: app.seen, columns: {view_id: id, video_id: video_id, time: at}}",
		},
		"has no primary key": {
			"CREATE TABLE app.later (video_id uuid, user_id uuid, PRIMARY KEY (video_id, user_id) DEFERRABLE)",
			"{becomes: likes, table: app.later, columns: {video_id: video_id, user_id: user_id}}",
		},
		"inherit from app.taps": {
			"CREATE TABLE app.taps (video_id uuid, user_id uuid, PRIMARY KEY (video_id, user_id)); CREATE TABLE app.taps_new () INHERITS (app.taps)",
			"{becomes: likes, table: app.taps, columns: {video_id: video_id, user_id: user_id}}",
		},
		"user_id of app.made is generated": {
			"CREATE TABLE app.made (video_id uuid, raw uuid, user_id uuid GENERATED ALWAYS AS (raw) STORED, PRIMARY KEY (video_id, user_id))",
			"{becomes: likes, table: app.made, columns: {video_id: video_id, user_id: user_id}}",
		},
		"is a query":        {"SELECT 1", "{becomes: likes, query: SELECT 1, columns: {video_id: v, user_id: u}}"},
		"there is no table": {"SELECT 1", "{becomes: likes, table: app.nowhere, columns: {video_id: v, user_id: u}}"},
		"is unlogged":       {"CREATE UNLOGGED TABLE app.fleeting (video_id uuid, user_id uuid, PRIMARY KEY (video_id, user_id))", "{becomes: likes, table: app.fleeting, columns: {video_id: video_id, user_id: user_id}}"},
	} {
		w.exec(c.prepare)
		m, err := mapping.Parse([]byte("source: app\nentries: [" + c.entry + "]"))
		if err != nil {
			t.Fatal(err)
		}
		capture := w.capture(w.counts)
		capture.Mapping = m
		if err := capture.Run(t.Context()); !errors.Is(err, ErrSetUp) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestCaptureNeedsALogicalLog(t *testing.T) {
	t.Parallel()
	s := archivetest.Start(t)
	s.Stop(archivetest.Fast)
	s.Configure("wal_level = replica")
	s.Launch()
	w := newWorldOn(t, s.URL("postgres"))
	if err := w.capture(w.counts).Run(t.Context()); !errors.Is(err, ErrSetUp) || !strings.Contains(err.Error(), "wal_level = logical") {
		t.Errorf("%v", err)
	}
}

// TestCaptureStopsAtAColumnThatIsGoneAndLosesNothing goes on by a mapping that
// names the column as it is called now, and as it was called in changes before.
func TestCaptureStopsAtAColumnThatIsGoneAndLosesNothing(t *testing.T) {
	w := newWorld(t)
	w.seed()
	w.captures()
	w.exec(`INSERT INTO app.likes (video_id, user_id) SELECT 2, u FROM generate_series(100, 110) u`)
	w.exec(`ALTER TABLE app.likes RENAME COLUMN user_id TO fan_id`)
	w.exec(`INSERT INTO app.likes (video_id, fan_id) SELECT 1, u FROM generate_series(100, 120) u`)
	if err := w.capture(w.counts).Run(t.Context()); !errors.Is(err, ErrSchemaChanged) || !strings.Contains(err.Error(), "user_id") {
		t.Fatalf("%v", err)
	}
	for i := range w.mapping.Entries {
		if w.mapping.Entries[i].Becomes == "likes" {
			w.mapping.Entries[i].Columns["user_id"] = "fan_id|user_id"
		}
	}
	w.captures()
	w.equal()
}

// TestCaptureStopsAtAChangeThatDoesNotTellEnough: only what comes after the
// identity was changed.
func TestCaptureStopsAtAChangeThatDoesNotTellEnough(t *testing.T) {
	w := newWorld(t)
	w.seed()
	w.captures()
	w.exec(`ALTER TABLE app.comments REPLICA IDENTITY DEFAULT`)
	w.exec(`INSERT INTO app.comments (id, video_id, author_id) VALUES (9000, 1, 1)`)
	w.exec(`ALTER TABLE app.comments REPLICA IDENTITY FULL`)
	w.captures()
	w.equal()
	w.exec(`ALTER TABLE app.comments REPLICA IDENTITY DEFAULT`)
	w.exec(`DELETE FROM app.comments WHERE id = 9000`)
	w.exec(`ALTER TABLE app.comments REPLICA IDENTITY FULL`)
	w.stops(ErrSchemaChanged, "what its video_id was")
}

func TestCaptureStopsAtATableThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.seed()
	w.captures()
	w.exec(`DROP TABLE app.glitches`)
	if err := w.capture(w.counts).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "app.glitches") {
		t.Errorf("%v", err)
	}
}

func TestCaptureStopsAtATruncation(t *testing.T) {
	w := newWorld(t)
	w.seed()
	w.captures()
	w.exec(`TRUNCATE app.likes`)
	w.exec(`INSERT INTO app.comments (id, video_id, author_id) VALUES (9000, 1, 1)`)
	if err := w.capture(w.counts).Run(t.Context()); !errors.Is(err, ErrTruncated) || !strings.Contains(err.Error(), "app.likes") {
		t.Fatalf("%v", err)
	}
	before, _ := w.counts.video(1)
	capture := w.capture(w.counts)
	capture.SkipTruncate = true
	if err := capture.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, _ := w.counts.video(1)
	before[2]++
	if before != after {
		t.Errorf("counts after the truncation %v, want %v", after, before)
	}
}

// TestATruncationThatWasPassedOverIsNotSaidAgain, though a crash has Postgres tell
// it once more.
func TestATruncationThatWasPassedOverIsNotSaidAgain(t *testing.T) {
	t.Parallel()
	s := archivetest.Start(t)
	w := newWorldOn(t, s.URL("postgres"))
	w.mapsLikes("app.likes")
	w.captures()
	w.exec(`TRUNCATE app.likes`)
	capture := w.capture(w.counts)
	capture.SkipTruncate = true
	if err := capture.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	w.conn = w.connect()
	w.exec(`INSERT INTO app.likes VALUES (1, 1)`)
	w.captures()
	w.wantLikes(1, 1)
}

func TestCaptureNoticesThatItsSlotIsGone(t *testing.T) {
	w := newWorld(t)
	w.seed()
	w.captures()
	if err := Drop(t.Context(), w.url, w.slot); err != nil {
		t.Fatal(err)
	}
	if err := w.capture(w.counts).Run(t.Context()); !errors.Is(err, ErrSlotGone) {
		t.Errorf("%v", err)
	}
	var left int
	if err := w.conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1) + (SELECT count(*) FROM pg_publication WHERE pubname = $1)", w.slot).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d slots and publications are left, %v", left, err)
	}
	if err := Drop(t.Context(), w.url, w.slot); err != nil {
		t.Errorf("nothing to drop: %v", err)
	}
}

func TestCaptureRefusesTheStateOfAnother(t *testing.T) {
	w := newWorld(t)
	w.seed()
	for says, s := range map[string]State{"slot other": {Slot: "other"}, "another database cluster": {Slot: w.slot, System: "1"}} {
		if err := s.write(w.state); err != nil {
			t.Fatal(err)
		}
		if err := w.capture(w.counts).Run(t.Context()); !errors.Is(err, ErrSetUp) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// TestPostgresForgetsWhatIsDurable: the slot moves on, also where nothing that
// is mapped changes.
func TestPostgresForgetsWhatIsDurable(t *testing.T) {
	w := newWorld(t)
	w.seed()
	w.captures()
	w.exec(`CREATE TABLE app.noise (text text)`)
	w.exec(`INSERT INTO app.noise SELECT repeat('x', 100) FROM generate_series(1, 20000)`)
	capture := w.capture(w.counts)
	capture.UntilCaughtUp = false
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- capture.Run(ctx) }()
	var kept int64
	for tick := time.Tick(20 * time.Millisecond); ; <-tick {
		err := w.conn.QueryRow(ctx, `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint FROM pg_replication_slots WHERE slot_name = $1`, w.slot).Scan(&kept)
		if err != nil {
			t.Fatal(fmt.Errorf("the slot keeps %d bytes: %w", kept, err))
		}
		if kept < 4096 {
			break
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestPostgresMayBeAheadOfTheService by any time: what it says to have happened in
// the future counts now, and what follows later counts more.
func TestPostgresMayBeAheadOfTheService(t *testing.T) {
	w := newWorld(t)
	w.seed()
	behind := func() time.Time { return time.Now().Add(-time.Hour) }
	w.counts.now = behind
	for round := range 3 {
		capture := w.capture(w.counts)
		capture.Now = behind
		if err := capture.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.equal()
		if err := w.lives(t.Context(), w.connect(), uint64(round), int64(1000*(round+1)), 100); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAClockThatIsSetBack has no unlike pass for older than its like: by a minute it
// changes nothing, and by an hour it is waited for until it is right.
func TestAClockThatIsSetBack(t *testing.T) {
	w := newWorld(t)
	w.mapsLikes("app.likes")
	w.captures()
	w.exec("INSERT INTO app.likes SELECT 1, u FROM generate_series(1, 9) u")
	w.captures()
	w.wantLikes(1, 9)
	var asked atomic.Int64
	for i, clock := range []func() time.Time{
		func() time.Time { return time.Now().Add(-time.Minute) },
		func() time.Time {
			if asked.Add(1) > 2 {
				return time.Now()
			}
			return time.Now().Add(-time.Hour)
		},
	} {
		w.exec("DELETE FROM app.likes WHERE user_id = $1", i+1)
		capture := w.capture(w.counts)
		capture.Now = clock
		if err := capture.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.wantLikes(1, int64(8-i))
	}
	if asked.Load() < 3 {
		t.Errorf("the clock of an hour ago was asked %d times, and not waited for", asked.Load())
	}
}

// TestALongTransactionIsTakenWhateverTimeTheServiceTakes: longer for each batch
// than Postgres waits for a word.
func TestALongTransactionIsTakenWhateverTimeTheServiceTakes(t *testing.T) {
	t.Parallel()
	s := archivetest.Start(t)
	s.Stop(archivetest.Fast)
	s.Configure("wal_sender_timeout = 3s")
	s.Launch()
	w := newWorldOn(t, s.URL("postgres"))
	w.mapsLikes("app.likes")
	w.captures()
	w.exec("INSERT INTO app.likes SELECT 1, u FROM generate_series(1, 2500) u")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	slow := &slowSink{Sink: w.counts, takes: 4 * time.Second}
	// Three batches; a machine that is busy may lose the connection all the same, and
	// begin anew, but not for each of them.
	if err := w.capture(slow).Run(ctx); err != nil || ctx.Err() != nil || slow.sent > 8 {
		t.Errorf("%d batches were sent, %v, %v", slow.sent, err, ctx.Err())
	}
	w.wantLikes(1, 2500)
}

// slowSink takes its time for each batch.
type slowSink struct {
	Sink
	takes time.Duration
	sent  int
}

func (s *slowSink) Send(ctx context.Context, batch [][]byte) (Outcome, error) {
	s.sent++
	time.Sleep(s.takes)
	return s.Sink.Send(ctx, batch)
}

// TestAConditionOnALargeValue that a change does not tell, since it did not change.
func TestAConditionOnALargeValue(t *testing.T) {
	w := newWorld(t)
	w.exec(`CREATE TABLE app.hearts (video_id bigint, user_id bigint, removed text, note int, PRIMARY KEY (video_id, user_id))`)
	w.exec(`ALTER TABLE app.hearts ALTER COLUMN removed SET STORAGE EXTERNAL`)
	w.maps("{becomes: likes, table: app.hearts, columns: {video_id: video_id, user_id: user_id}, where: {removed: null}}")
	w.exec(`INSERT INTO app.hearts VALUES (1, 1), (1, 2)`)
	w.captures()
	w.exec(`UPDATE app.hearts SET removed = repeat('because ', 1000) WHERE user_id = 1`)
	for _, identity := range []string{"DEFAULT", "FULL"} {
		w.exec(`ALTER TABLE app.hearts REPLICA IDENTITY ` + identity)
		w.exec(`UPDATE app.hearts SET note = 1 WHERE user_id = 1`)
		w.captures()
		w.wantLikes(1, 1)
	}
	w.exec(`UPDATE app.hearts SET removed = NULL WHERE user_id = 1`)
	w.captures()
	w.wantLikes(1, 2)
}

// TestTimesThatNoCalendarHas count like any other.
func TestTimesThatNoCalendarHas(t *testing.T) {
	w := newWorld(t)
	w.seed()
	for round := range 2 {
		for i, at := range []string{"infinity", "-infinity", "0044-03-15 BC", "20000-01-01", "0001-01-01"} {
			key := 100*round + 900 + i
			w.exec(`INSERT INTO app.likes VALUES (1, $1, $2::text::timestamptz)`, key, at)
			w.exec(`INSERT INTO app.comments (id, video_id, author_id, created_at) VALUES ($1, 1, $1, $2::text::timestamptz)`, key, at)
			w.exec(`INSERT INTO app.remixes (id, original_id, author_id, created_at) VALUES ($1, 1, $1, $2::text::timestamp)`, key, at)
		}
		w.captures()
		w.equal()
	}
}

// TestCaptureOfPartitions tells changes under the name of the table that has them.
func TestCaptureOfPartitions(t *testing.T) {
	w := newWorld(t)
	w.exec(`CREATE TABLE app.taps (video_id bigint, user_id bigint, PRIMARY KEY (video_id, user_id)) PARTITION BY HASH (video_id)`)
	w.exec(`CREATE TABLE app.taps_0 PARTITION OF app.taps FOR VALUES WITH (MODULUS 2, REMAINDER 0)`)
	w.exec(`CREATE TABLE app.taps_1 PARTITION OF app.taps FOR VALUES WITH (MODULUS 2, REMAINDER 1)`)
	w.exec(`INSERT INTO app.taps SELECT v, u FROM generate_series(1, 4) v, generate_series(1, 5) u`)
	m, err := mapping.Parse([]byte("source: app\nids: {all: derived}\nentries: [{becomes: likes, table: app.taps, columns: {video_id: video_id, user_id: user_id}}]"))
	if err != nil {
		t.Fatal(err)
	}
	w.mapping = m
	w.captures()
	w.exec(`DELETE FROM app.taps WHERE user_id > 3`)
	w.exec(`INSERT INTO app.taps VALUES (4, 9)`)
	w.captures()
	for video, want := range map[int64]int64{1: 3, 2: 3, 3: 3, 4: 4} {
		if got, _ := w.counts.video(video); got[1] != want {
			t.Errorf("video %d has %d likes, want %d", video, got[1], want)
		}
	}
}
