package archive

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/archive/archivetest"
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

// TestTheArchiveIsJudgedAnew when a model of another version of the fold serves: while
// that of before does, nothing changes; then effects do, from the first on, and in the
// end the history, all of it at once. Meanwhile what comes is archived. In the middle
// the process and the server are killed.
func TestTheArchiveIsJudgedAnew(t *testing.T) {
	s := archivetest.Start(t)
	w := newWorld(t, s.URL("postgres"))
	g := newTraffic(41)
	w.start()
	w.commitMany(g, 500)
	w.mustEqualAFresh()
	w.stop()
	w.ageFold()

	gate := w.gateAt(40)
	w.startFold(true)
	w.judgeOtherwise()
	w.startArchive()
	w.commitMany(g, 50)
	w.caughtUp()
	if r := w.archive.Status().Rejudge; r.To != 0 {
		t.Fatalf("judged anew while the old model serves: %+v", r)
	}
	old := w.views()
	if result := w.compare(); result.Count == 0 {
		t.Fatal("the old fold did not judge otherwise")
	}

	_, doubted, _ := w.log.Bounds(testContext(t))
	w.rebuild()
	w.until("it is judged anew, up to the switch", func() bool { return gate.count() == 1 && w.archive.Status().Rejudge.To == doubted })
	err := w.archive.Await(testContext(t), doubted, time.Nanosecond)
	if !errors.Is(err, ErrBehind) {
		t.Errorf("who waits for it is told %v", err)
	}
	if _, err := w.archive.EachAudit(testContext(t), func(*readmodel.AuditEntry) {}); !errors.Is(err, errRejudged) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("who compares the audit is told %v", err)
	}
	w.commitOne(events.Meta{Type: events.TypeVideoViewed, Time: events.TimeOf(g.now)}, events.VideoViewed{Video: id16('v', 1)})
	w.caughtUp()
	if now := w.views(); now != old+1 {
		t.Errorf("%d views in the middle, want %d: those of before and the one that came", now, old+1)
	}
	if r := w.archive.Status().Rejudge; r.Done == 0 || r.Done >= gate.at || r.To != doubted {
		t.Errorf("held at message %d: %+v", gate.at, r)
	}

	gate.open(errStopped)
	w.until("it says why it does not go on", func() bool { return errors.Is(w.archive.Status().Rejudge.Err, errStopped) })
	w.stopArchive()
	done := w.number("SELECT rejudged FROM position")
	gate = w.gateAt(50)
	w.startArchive()
	w.until("it goes on", func() bool { return gate.count() == 1 })
	if r := w.archive.Status().Rejudge; int64(r.Done) <= done || r.Done >= gate.at {
		t.Errorf("gone on from %d: %+v", done, r)
	}
	s.Kill()
	gate.open(nil)
	w.until("the server is missed", func() bool { return w.archive.Status().Err != nil })
	s.Launch()
	w.commitMany(g, 50)
	w.mustEqualAFresh()
	if n := gate.count(); n != 1 {
		t.Errorf("%d folds came to message %d, want the one that was under way when the server was killed", n, gate.at)
	}
}

// TestTheArchiveIsJudgedAnewAfterAnother takes the place of a model of the same
// version, from which it differs; and while it is, once more, also where nothing
// comes; and behind what an adopted log has lost.
func TestTheArchiveIsJudgedAnewAfterAnother(t *testing.T) {
	w := newWorld(t, database(t))
	g := newTraffic(42)
	w.start()
	w.commitMany(g, 300)
	w.mustEqual()
	w.stop()
	w.copyLog("jetstream", "backup")

	gate := w.gateAt(30)
	judges := projector.CurrentFold()
	var mu sync.Mutex
	differ := func() { mu.Lock(); defer mu.Unlock(); judges.Epoch++ }
	configure := w.configure
	w.configure = func(cfg *Config) {
		configure(cfg)
		cfg.Judges = func() projector.FoldID { mu.Lock(); defer mu.Unlock(); return judges }
	}
	w.startFold(true)
	w.judgeOtherwise()
	differ()
	w.startArchive()
	w.until("it is judged anew", func() bool { return gate.count() == 1 })
	w.commitMany(g, 100) // judged as the model before did
	w.caughtUp()
	_, last, _ := w.log.Bounds(testContext(t))
	w.until("and what came since as well", func() bool { return w.archive.Status().Rejudge.To == last })
	gate.open(errStopped)
	w.stop()

	w.copyLog("backup", "jetstream")
	w.adopt()
	w.configure = nil
	w.start()
	w.commitMany(g, 50)
	w.caughtUp()
	w.until("nothing is to be judged anew", func() bool { return w.archive.Status().Rejudge.To == 0 })
	w.equalMessages()
	w.equalFold()
	w.equalHistory()
	w.equalAudit()
	w.equalRows()
}

// TestAnArchiveOfBeforeIsJudgedAnew where it does not say which fold judged, and what
// it cannot be judged by is told.
func TestAnArchiveOfBeforeIsJudgedAnew(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	w.commitMany(newTraffic(43), 200)
	w.mustEqual()
	for range 2 {
		w.stopArchive()
		w.judgeOtherwise()
		w.sql("UPDATE position SET fold_version = 0")
		w.startArchive()
		w.mustEqualAFresh()
	}
	w.stopArchive()
	w.judgeOtherwise()
	w.sql("DELETE FROM messages WHERE seq = 1")
	if err := w.log.Trim(testContext(t), 1); err != nil {
		t.Fatal(err)
	}
	w.startArchive()
	w.until("it is told what is missing", func() bool { return errors.Is(w.archive.Status().Rejudge.Err, eventlog.ErrGap) })
	w.commitMany(newTraffic(44), 20)
	w.caughtUp()
}

// TestWhoArchivesWaitsForNoReader: who judges anew has its connection, of those that
// readers have among them, before its turn comes.
func TestWhoArchivesWaitsForNoReader(t *testing.T) {
	a, err := New(Config{URL: database(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	r := &rejudgement{session: &session{Archive: a}}
	none, cancel := context.WithCancel(testContext(t))
	cancel()
	r.turn.Lock()
	ended := make(chan error, 1)
	go func() { _, err := r.end(none); ended <- err }()
	select {
	case err = <-ended:
	case <-time.After(patience):
		t.Error("it waits for its turn first")
	}
	r.turn.Unlock()
	if err == nil {
		err = <-ended
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
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

// TestJudgingAnewWaitsForNoLock longer than any transaction does, also where it takes
// hours to change the history: who archives waits for its turn.
func TestJudgingAnewWaitsForNoLock(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	w.commitMany(newTraffic(45), 200)
	w.mustEqual()
	w.stopArchive()
	w.judgeOtherwise()
	release := w.hold("history_hourly")
	w.configure = func(cfg *Config) { cfg.WriteLimit = time.Second }
	w.startArchive()
	w.until("the lock is waited for no longer", func() bool {
		err := w.archive.Status().Rejudge.Err
		return err != nil && strings.Contains(err.Error(), "lock timeout")
	})
	release()
	w.mustEqualAFresh()
}

// TestJudgingAnewGoesOnWithItsFold after a transaction that failed, and tells no more that
// it does not.
func TestJudgingAnewGoesOnWithItsFold(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	w.commitMany(newTraffic(46), 300)
	w.mustEqual()
	w.stopArchive()
	w.judgeOtherwise()
	release := w.hold("rejudged_history")
	late := w.gateAt(30)
	configure, begun := w.configure, 0
	w.configure = func(cfg *Config) {
		configure(cfg)
		cfg.WriteLimit = time.Second
		begin := cfg.Fold
		cfg.Fold = func(who string, o projector.FoldOptions) (replay.Folding, error) { begun++; return begin(who, o) }
	}
	w.startArchive()
	w.until("a transaction fails", func() bool { return w.archive.Status().Rejudge.Err != nil })
	release()
	w.until("it goes on", func() bool { return late.count() == 1 })
	if r := w.archive.Status().Rejudge; r.Err != nil || r.Done == 0 {
		t.Errorf("while it goes on: %+v", r)
	}
	late.open(nil)
	w.mustEqualAFresh()
	w.stopArchive()
	if begun != 1 {
		t.Errorf("%d folds were begun, want one", begun)
	}
}
