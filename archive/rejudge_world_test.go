package archive

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// oldVersion is a version of the fold that judged otherwise.
const oldVersion = 1 // as ageFold writes it too

// judgeOtherwise makes the archive what a fold of an old version would have made of
// the log: other effects, other deltas, other dead letters and audit, and a history that
// is what those say.
func (w *world) judgeOtherwise() {
	w.t.Helper()
	ctx, conn := testContext(w.t), w.connect()
	defer conn.Close(context.Background())
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, statement := range []string{
			"UPDATE events SET effect = 'applied', delta = 1 WHERE delta = 0 AND time IS NOT NULL AND type IN ('video.liked', 'comment.created', 'remix.created', 'glitch.created')",
			"UPDATE events SET effect = 'duplicate', delta = 0 WHERE type = 'video.viewed' AND seq % 3 = 0",
			"DELETE FROM counter_changes WHERE seq % 2 = 0",
			"UPDATE counter_changes SET views = views + 7",
			"UPDATE dead_letters SET reason = 'of old'",
			"DELETE FROM dead_letters WHERE seq % 2 = 0",
			"UPDATE audit SET hash = 'of old', effects = '{}' WHERE number % 2 = 0",
			"UPDATE audit SET number = number - 1", // the first is none of its entries
			"TRUNCATE history_hourly, history_daily, total_hourly, total_daily",
			stageHistory,
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, said, 1, 1, 1<<40, 1); err != nil {
			return err
		}
		if err := addUp(ctx, tx, "staged_history"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE position SET fold_version = $1", oldVersion)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if n := w.number(differingBuckets); n != 0 {
		w.t.Fatalf("%d buckets of the old history are not what its events say", n)
	}
}

// judgedOtherwise is a world whose archive an old version of the fold has judged, and
// does not run.
func judgedOtherwise(t testing.TB, seed uint64, entries int) *world {
	t.Helper()
	w := newWorld(t, database(t))
	w.start()
	w.commitMany(newTraffic(seed), entries)
	w.mustEqual()
	w.stopArchive()
	w.judgeOtherwise()
	return w
}

// ageFold makes the read model one of an old version of the fold.
func (w *world) ageFold() {
	w.t.Helper()
	store, err := checkpoint.Open(filepath.Join(w.dir, "models", "model-000001"), checkpoint.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer store.Close()
	version, data := store.Latest()
	var marker map[string]json.RawMessage
	if err := json.Unmarshal(data, &marker); err != nil {
		w.t.Fatal(err)
	}
	marker["FoldVersion"] = json.RawMessage("1")
	if data, err = json.Marshal(marker); err == nil {
		_, err = store.Write(testContext(w.t), version+1, func(func(key, value []byte) bool) {}, data)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// rebuild has the serving model rebuilt and replaced.
func (w *world) rebuild() {
	w.t.Helper()
	runs := replay.NewRuns(replay.Config{Projector: w.projector, Source: replay.FromLog(w.log), Logger: w.logger()})
	stop := run(w.t, runs.Run)
	defer stop()
	w.until("the model was rebuilt", func() bool {
		_, changed := w.projector.FoldChanged()
		return !changed
	})
}

// mustEqualAFresh compares the archive with one that is made now.
func (w *world) mustEqualAFresh() {
	w.t.Helper()
	if err := w.archive.Await(testContext(w.t), w.archive.end(), patience); err != nil {
		w.t.Fatal(err)
	}
	w.mustEqual()
	if n := w.number(differingBuckets); n != 0 {
		w.t.Fatalf("%d buckets of the history are not what the events say", n)
	}
	if n := w.number("SELECT count(*) FROM rejudged_history"); n != 0 {
		w.t.Fatalf("%d changes of the history are left", n)
	}
	spool := NewSpool(w.t.TempDir(), w.logger())
	defer spool.Close()
	if err := spool.Begin(w.projector.Snapshot().At.Seq); err != nil {
		w.t.Fatal(err)
	}
	fresh, err := New(Config{URL: w.url, Schema: "fresh", Log: w.log, Spool: spool, Fold: w.folds(nil), Logger: w.logger()})
	if err != nil {
		w.t.Fatal(err)
	}
	defer fresh.Close()
	defer run(w.t, fresh.Run)()
	w.until("a fresh archive is made", func() bool { return fresh.Lag() == 0 })
	for table, columns := range map[string]string{
		"events": "*", "dead_letters": "*", "audit": "log, number, seq, idx, at, actor, action, targets, effects, retract, reason, hash", "counter_changes": "*",
		"history_hourly": "*", "history_daily": "*", "total_hourly": "*", "total_daily": "*",
	} {
		of := func(schema string) string {
			question := "SELECT " + columns + " FROM " + schema + "." + table
			switch table {
			case "events":
				return "SELECT seq, idx, log, stored_at, time, delta, effect, type, video_id, user_id, other_user_id, item_id, job_id, source, id, data::text FROM " + schema + ".events"
			case "history_hourly", "history_daily", "total_hourly", "total_daily": // sums of nothing are nothing
				question += " WHERE (views, likes, comments, remixes, glitches) <> (0, 0, 0, 0, 0)"
			}
			return question
		}
		own, made := of(defaultSchema), of("fresh")
		if n := w.number("SELECT count(*) FROM ((" + own + " EXCEPT ALL " + made + ") UNION ALL (" + made + " EXCEPT ALL " + own + ")) AS differing"); n != 0 {
			w.t.Fatalf("%d rows of %s are not those of a fresh archive", n, table)
		}
	}
	w.sql("DROP SCHEMA fresh CASCADE")
}

// gate holds a fold of the archive's own at a message.
type gate struct {
	at      uint64
	mu      sync.Mutex
	shut    chan struct{} // closed when the gate opens
	err     error         // of who comes to it
	reached uint64        // by how many folds
}

func newGate(at uint64) *gate { return &gate{at: at, shut: make(chan struct{})} }

func (g *gate) open(err error) { g.mu.Lock(); g.err = err; g.mu.Unlock(); close(g.shut) }

func (g *gate) count() uint64 { g.mu.Lock(); defer g.mu.Unlock(); return g.reached }

func (g *gate) pass() error {
	g.mu.Lock()
	g.reached++
	g.mu.Unlock()
	<-g.shut
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

type gated struct {
	replay.Folding
	gate *gate
}

func (g gated) Message(m eventlog.Message) error {
	if m.Seq == g.gate.at {
		if err := g.gate.pass(); err != nil {
			return err
		}
	}
	return g.Folding.Message(m)
}

// gateAt holds folds that judge anew at a message; chunks are small.
func (w *world) gateAt(at uint64) *gate {
	g := newGate(at)
	w.configure = func(cfg *Config) {
		cfg.ChunkBytes = 4 << 10
		begin := cfg.Fold
		cfg.Fold = func(who string, o projector.FoldOptions) (replay.Folding, error) {
			fold, err := begin(who, o)
			return gated{fold, g}, err
		}
	}
	return g
}

var errStopped = errors.New("stopped")

// views are those of all videos in all hours, as readers of the history find them.
func (w *world) views() (n int64) {
	w.t.Helper()
	_, err := w.archive.EachBucket(testContext(w.t), nil, false, events.MinTime, events.TimeOf(time.Now().Add(100*time.Hour)), func(_ events.Time, c *readmodel.Counts) { n += c[events.Views] })
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// hold locks a table as somebody else may.
func (w *world) hold(table string) (release func()) {
	w.t.Helper()
	conn := w.connect()
	if _, err := conn.Exec(testContext(w.t), "BEGIN; LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		w.t.Fatal(err)
	}
	return func() { _ = conn.Close(context.Background()) }
}
