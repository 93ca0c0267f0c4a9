package intake

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/archive/archivetest"
	"github.com/tidemark-io/tidemark/archive/intake/mapping"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// patience bounds every wait; nothing is asserted about time.
const patience = 2 * time.Minute

// world is an application's database, and the counts that follow from it.
type world struct {
	t       *testing.T
	url     string
	conn    *pgx.Conn
	mapping *mapping.Mapping
	counts  *counts
	state   string
	slot    string
}

// slots counts the slots that this process has made: a cluster's names are one space.
var slots atomic.Int64

// shared is the server of tests that leave theirs alone.
var shared struct {
	sync.Once
	server *archivetest.Server
}

func TestMain(m *testing.M) {
	code := m.Run()
	shared.server.End()
	os.Exit(code)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	shared.Do(func() { shared.server = archivetest.StartForAll(t) })
	return newWorldOn(t, archivetest.Database(t, shared.server))
}

func newWorldOn(t *testing.T, url string) *world {
	t.Helper()
	w := &world{t: t, url: url, counts: newCounts(), state: filepath.Join(t.TempDir(), "state.json"), slot: fmt.Sprintf("intake_test_%d", slots.Add(1))}
	w.conn = w.connect()
	schema, err := os.ReadFile("testdata/shortvideo.sql")
	if err != nil {
		t.Fatal(err)
	}
	w.exec(string(schema))
	t.Cleanup(func() {
		if err := Drop(context.Background(), w.url, w.slot); err != nil {
			t.Error(err)
		}
	})
	if w.mapping, err = mapping.Load("testdata/shortvideo.yaml"); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) connect() *pgx.Conn {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.conn.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

// imports imports all rows.
func (w *world) imports(sink Sink) *Report {
	w.t.Helper()
	im := Import{Mapping: w.mapping, Sink: sink, Concurrency: 3, Now: time.Now}
	report, _, err := im.Run(w.t.Context(), w.connect())
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// capture is one that ends when it has caught up.
func (w *world) capture(sink Sink) *Capture {
	return &Capture{
		URL: w.url, Mapping: w.mapping, Sink: sink, Slot: w.slot, StateFile: w.state,
		Concurrency: 3, UntilCaughtUp: true, Logger: slog.New(slog.NewTextHandler(w.t.Output(), nil)), Now: time.Now,
	}
}

func (w *world) captures() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := w.capture(w.counts).Run(ctx); err != nil {
		w.t.Fatal(err)
	}
	if ctx.Err() != nil {
		w.t.Fatal("the capture does not catch up")
	}
}

// counts takes events in as the service does: by its own fold.
type counts struct {
	mu   sync.Mutex
	fold *projector.Fold
	read events.CloudEventReader
	seq  uint64
	sent int
	now  func() time.Time
}

var incarnation = events.Incarnation{'i', 'n', 't', 'a', 'k', 'e'}

func newCounts() *counts { return newCountsOf(400 * 24 * time.Hour) }

// newCountsOf returns a service that remembers identities of views for so long.
func newCountsOf(horizon time.Duration) *counts {
	model := readmodel.New(readmodel.Config{Incarnation: incarnation, DedupeHorizon: horizon, OutcomeHorizon: horizon})
	return &counts{fold: projector.NewFold(model, projector.FoldOptions{}), now: time.Now}
}

func (c *counts) Send(_ context.Context, batch [][]byte) (o Outcome, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var body []byte
	for _, e := range batch {
		body = append(append(body, e...), '\n')
	}
	in, err := c.read.Read(body, events.CloudEventLines, events.CloudEventRules{Now: c.now(), Admin: true, Caller: events.UserID{1}})
	if err != nil {
		return o, err
	}
	for _, r := range in.Rejected {
		o.Rejected = append(o.Rejected, Rejection{r.Index, r.Detail})
	}
	c.seq++
	h := events.BatchHeader{Incarnation: incarnation}
	binary.BigEndian.PutUint64(h.ID[:], c.seq)
	command := events.Command{Kind: events.IngestEvents, Events: in.Events, Time: events.TimeOf(c.now())}
	entry := events.Entry{Bytes: append(events.AppendCommand(nil, command), in.Frames...), Events: in.Events}
	if size := events.BatchSize(entry.Size()); size > events.MaxBatchBytes {
		return o, fmt.Errorf("%d events take %d bytes, which the service refuses", in.Events, size)
	}
	data := events.AppendBatch(nil, h, []events.Entry{entry})
	c.sent += in.Events
	o.Accepted = in.Events
	return o, c.fold.Message(eventlog.Message{
		Seq: c.seq, Stored: c.now(), BatchID: h.ID.String(), Subject: eventlog.BatchSubject, Data: data,
	})
}

// derived is the ID that the mapping makes of a key.
func derived(kind string, key int64) [16]byte {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s:%d", kind, key))
}

// video returns the counts of a video; ok is false for one that nobody sees.
func (c *counts) video(key int64) (readmodel.Counts, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var slots [1]readmodel.Slot
	var found [1]bool
	c.fold.Model().Videos.Lookup([]events.VideoID{derived("video", key)}, slots[:], found[:])
	return slots[0].Counts, found[0] && slots[0].Visible()
}

// counted is what the application's own tables say of each video.
const counted = `SELECT v.id, v.state IN ('published', 'featured'),
	coalesce((SELECT views FROM app.video_stats s WHERE s.video_id = v.id), 0),
	(SELECT count(*) FROM app.likes l WHERE l.video_id = v.id),
	(SELECT count(*) FROM app.comments c WHERE c.video_id = v.id AND deleted_at IS NULL AND NOT spam),
	(SELECT count(*) FROM app.remixes r WHERE r.original_id = v.id),
	(SELECT count(*) FROM app.glitches g WHERE g.video_id = v.id)
FROM app.videos v ORDER BY v.id`

// equal compares every counter with the application's tables.
func (w *world) equal() {
	w.t.Helper()
	rows, err := w.conn.Query(w.t.Context(), counted)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var id int64
		var visible bool
		var want readmodel.Counts
		if err := rows.Scan(&id, &visible, &want[0], &want[1], &want[2], &want[3], &want[4]); err != nil {
			w.t.Fatal(err)
		}
		got, there := w.counts.video(id)
		if there != visible || visible && got != want {
			w.t.Errorf("video %d: counted %v (seen: %v), the tables say %v (%v)", id, got, there, want, visible)
		}
	}
	if err := errors.Join(rows.Err()); err != nil || n == 0 {
		w.t.Fatalf("%d videos, %v", n, err)
	}
}

const (
	videos = 12
	users  = 25
)

// seed fills the tables.
func (w *world) seed() {
	w.t.Helper()
	w.exec(`INSERT INTO app.videos (id, author_id, state) SELECT i, i % 5, CASE i % 6 WHEN 0 THEN 'draft' ELSE 'published' END FROM generate_series(1, $1) i`, videos)
	w.exec(`INSERT INTO app.video_stats SELECT i, i * 100 FROM generate_series(1, $1, 2) i`, videos)
	w.exec(`INSERT INTO app.likes SELECT v, u, now() - interval '1 day' FROM generate_series(1, $1) v, generate_series(1, $2) u WHERE (v * 7 + u) % 3 = 0`, videos, users)
	w.exec(`INSERT INTO app.comments (id, video_id, author_id, spam, deleted_at) SELECT i, i % $1 + 1, i % $2, i % 9 = 0, CASE WHEN i % 10 = 0 THEN now() END FROM generate_series(1, 200) i`, videos, users)
	w.exec(`INSERT INTO app.remixes (id, original_id, author_id) SELECT i, i % $1 + 1, i % $2 FROM generate_series(1, 40) i`, videos, users)
	w.exec(`INSERT INTO app.glitches (id, video_id, reporter_id) SELECT i, i % $1 + 1, i % $2 FROM generate_series(1, 30) i`, videos, users)
	w.exec(`INSERT INTO app.ai_jobs (id, user_id, state, percent) SELECT gen_random_uuid(), i % $1, 'running', i FROM generate_series(1, 20) i`, users)
	w.exec(`INSERT INTO app.notifications (id, user_id, actor_id, kind, body, read_at) SELECT i, i % $1, 1, 'like', '{"n": 1}', CASE WHEN i % 2 = 0 THEN now() END FROM generate_series(1, 60) i`, users)
	w.exec(`INSERT INTO app.blocks (user_id, blocked_id) SELECT i, i + 1 FROM generate_series(1, 10) i`)
}

// changes are statements that the application sends; $1 and $2 are a video and
// a user, $3 is a new key.
var changes = []string{
	`INSERT INTO app.likes (video_id, user_id) SELECT $1::bigint, $2::bigint WHERE $3::bigint > 0 ON CONFLICT DO NOTHING`,
	`INSERT INTO app.likes (video_id, user_id, created_at) SELECT $1::bigint, $2::bigint, '2001-01-01'::timestamptz WHERE $3::bigint > 0 ON CONFLICT DO NOTHING`,
	`INSERT INTO app.likes (video_id, user_id, created_at) SELECT $1::bigint, $2::bigint, '2101-01-01'::timestamptz WHERE $3::bigint > 0 ON CONFLICT DO NOTHING`,
	`DELETE FROM app.likes WHERE video_id = $1::bigint AND user_id = $2::bigint AND $3::bigint > 0`,
	`DELETE FROM app.likes WHERE video_id = $1::bigint AND user_id > $2::bigint AND $3::bigint > 0`,
	`UPDATE app.likes SET video_id = $1::bigint WHERE user_id = $2::bigint AND $3::bigint > 0 AND video_id = (SELECT min(video_id) FROM app.likes WHERE user_id = $2::bigint)
		AND NOT EXISTS (SELECT FROM app.likes WHERE user_id = $2::bigint AND video_id = $1::bigint)`,
	`INSERT INTO app.comments (id, video_id, author_id, body) VALUES ($3::bigint, $1::bigint, $2::bigint, repeat('long ', 2000))`,
	`UPDATE app.comments SET deleted_at = now() WHERE video_id = $1::bigint AND author_id = $2::bigint AND $3::bigint > 0`,
	`INSERT INTO app.comments (id, video_id, author_id, body, spam) VALUES ($3::bigint, $1::bigint, $2::bigint, 'held back', true)`,
	`UPDATE app.comments SET spam = false, body = 'let through' WHERE video_id = $1::bigint AND $2::bigint > 0 AND $3::bigint > 0 AND body = 'held back'`,
	`UPDATE app.comments SET body = 'edited' WHERE video_id = $1::bigint AND $2::bigint > 0 AND $3::bigint > 0`,
	`DELETE FROM app.comments WHERE video_id = $1::bigint AND author_id = $2::bigint AND $3::bigint > 0`,
	`INSERT INTO app.remixes (id, original_id, author_id) VALUES ($3::bigint, $1::bigint, $2::bigint)`,
	`DELETE FROM app.remixes WHERE original_id = $1::bigint AND author_id = $2::bigint AND $3::bigint > 0`,
	`INSERT INTO app.glitches (id, video_id, reporter_id) VALUES ($3::bigint, $1::bigint, $2::bigint)`,
	`UPDATE app.video_stats SET views = views + $3::bigint % 100 WHERE video_id = $1::bigint AND $2::bigint > 0`,
	`INSERT INTO app.video_stats SELECT $1::bigint, $2::bigint WHERE $3::bigint > 0 ON CONFLICT DO NOTHING`,
	`UPDATE app.videos SET state = CASE state WHEN 'published' THEN 'hidden' ELSE 'published' END WHERE id = $1::bigint AND $2::bigint % 3 = 0 AND $3::bigint > 0`,
	`UPDATE app.videos SET title = title || 'x' WHERE id = $1::bigint AND $2::bigint > 0 AND $3::bigint > 0`,
	`UPDATE app.ai_jobs SET percent = least(100, percent + 5), state = 'running' WHERE user_id = $2::bigint AND $1::bigint > 0 AND $3::bigint > 0`,
	`UPDATE app.notifications SET read_at = now() WHERE user_id = $2::bigint AND $1::bigint > 0 AND $3::bigint > 0`,
	`INSERT INTO app.blocks (user_id, blocked_id) SELECT $1::bigint, $2::bigint WHERE $1::bigint <> $2::bigint AND $3::bigint > 0 ON CONFLICT DO NOTHING`,
	`DELETE FROM app.blocks WHERE user_id = $1::bigint AND blocked_id = $2::bigint AND $3::bigint > 0`,
}

// lives sends n changes, in transactions of one to five, some of which are
// rolled back. first is the first of its new keys.
func (w *world) lives(ctx context.Context, conn *pgx.Conn, seed uint64, first int64, n int) error {
	random := rand.New(rand.NewPCG(seed, 1))
	for n > 0 {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		for range 1 + random.IntN(5) {
			first++
			n--
			change := changes[random.IntN(len(changes))]
			if _, err := tx.Exec(ctx, change, 1+random.Int64N(videos), 1+random.Int64N(users), first); err != nil {
				return errors.Join(fmt.Errorf("%s: %w", change, err), tx.Rollback(ctx))
			}
		}
		if random.IntN(8) == 0 {
			err = tx.Rollback(ctx)
		} else {
			err = tx.Commit(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// awaitTransactions waits until the capture has taken so many.
func awaitTransactions(t *testing.T, c *Capture, n int64) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for c.Stats().Transactions.Load() < n {
		if time.Now().After(deadline) {
			t.Fatalf("%d transactions were taken, want %d", c.Stats().Transactions.Load(), n)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
