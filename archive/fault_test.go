package archive

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/archive/archivetest"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// TestConnectionsAreCutAnywhere: in the middle of a COPY, and between a commit
// and its answer. Nothing is there twice, nothing is missing.
func TestConnectionsAreCutAnywhere(t *testing.T) {
	direct := database(t)
	w := newWorld(t, direct)
	proxy := archivetest.NewProxy(t, shared.server)
	w.configure = func(cfg *Config) { cfg.URL = proxy.URL(direct) }
	g := newTraffic(3)
	r := rand.New(rand.NewPCG(3, 3))
	w.start()
	for range 30 {
		cuts := proxy.Cuts()
		proxy.CutAfter(r.Int64N(60_000))
		w.until("the connection was cut", func() bool {
			w.commitMany(g, 10)
			return proxy.Cuts() > cuts
		})
	}
	w.mustEqual()
	t.Logf("%d cuts, %d sessions begun anew", proxy.Cuts(), w.archive.Status().Retries)
}

// TestTheServerIsKilled while rows arrive, again and again, and the service is
// started anew in between.
func TestTheServerIsKilled(t *testing.T) {
	s := archivetest.Start(t)
	w := newWorld(t, s.URL("postgres"))
	g := newTraffic(4)
	w.start()
	for round := range 5 {
		w.commitMany(g, 150)
		s.Kill()
		w.commitMany(g, 50)
		if round == 2 {
			w.stop()
			w.start()
		}
		s.Launch()
	}
	w.mustEqual()
}

// TestABackupIsRestored: the position goes back, and what followed is archived
// again, also where what was judged is not kept any more.
func TestABackupIsRestored(t *testing.T) {
	dir := t.TempDir()
	s := archivetest.StartIn(t, dir)
	w := newWorld(t, s.URL("postgres"))
	g := newTraffic(5)
	w.start()
	w.commitMany(g, 100)
	w.caughtUp()
	s.Stop(archivetest.Fast)
	s.Backup(filepath.Join(dir, "backup"))
	s.Launch()
	w.commitMany(g, 100)
	w.caughtUp()
	s.Stop(archivetest.Fast)
	s.Restore(filepath.Join(dir, "backup"))
	_ = w.spool.restart(w.projector.Snapshot().At.Seq + 1)
	s.Launch()
	w.until("the restore is noticed", func() bool { return w.archive.Status().Rewinds == 1 })
	w.commitMany(g, 20)
	w.mustEqual()
}

// TestTheDiskIsFull under the server: the archive waits for space.
func TestTheDiskIsFull(t *testing.T) {
	dir := archivetest.SmallDisk(t, 90<<20)
	s := archivetest.New(t, dir)
	s.Init()
	s.Configure("max_wal_size = 4MB\nmin_wal_size = 2MB\nrestart_after_crash = off")
	s.Launch()
	w := newWorld(t, s.URL("postgres"))
	g := newTraffic(6)
	w.start()
	w.commitMany(g, 50)
	w.caughtUp()
	free := archivetest.Fill(t, dir)
	w.until("the archive cannot go on", func() bool {
		w.commitMany(g, 200)
		return w.archive.Status().Err != nil
	})
	w.commitMany(g, 50) // commands do not feel it
	free()
	if !s.Runs() { // a server that cannot write its log ends
		s.Launch()
	}
	w.mustEqual()
}

// TestTablesAreLocked by somebody else, and the server stands still.
func TestTablesAreLocked(t *testing.T) {
	s := archivetest.Start(t)
	w := newWorld(t, s.URL("postgres"))
	w.configure = func(cfg *Config) { cfg.WriteLimit = time.Second }
	g := newTraffic(7)
	w.start()
	w.commitMany(g, 50)
	w.caughtUp()
	for _, hold := range []func() (release func()){
		func() func() {
			conn := w.connect()
			if _, err := conn.Exec(testContext(t), "BEGIN; LOCK TABLE messages IN ACCESS EXCLUSIVE MODE"); err != nil {
				t.Fatal(err)
			}
			return func() { _ = conn.Close(context.Background()) }
		},
		func() func() { s.Freeze(); return s.Thaw },
	} {
		release := hold()
		retries := w.archive.Status().Retries
		w.commitMany(g, 50)
		w.until("a transaction is given up", func() bool { return w.archive.Status().Retries > retries })
		release()
		w.commitMany(g, 10)
		w.caughtUp()
	}
	w.mustEqual()
}

// TestOneArchives at a time: another waits, and takes over.
func TestOneArchives(t *testing.T) {
	w := newWorld(t, database(t))
	g := newTraffic(8)
	w.start()
	w.commitMany(g, 20)
	w.caughtUp()
	first, stopFirst := w.archive, w.stopArch
	w.startArchive()
	w.until("the second one waits", func() bool { return errors.Is(w.archive.Status().Err, ErrBusy) })
	w.commitMany(g, 20)
	w.until("the first one goes on", func() bool { return first.Lag() == 0 })
	stopFirst()
	w.commitMany(g, 20)
	w.mustEqual()
}

// TestAnArchiveThatIsEmptyIsTakenOver from a log that was thrown away before it had a
// message.
func TestAnArchiveThatIsEmptyIsTakenOver(t *testing.T) {
	url := database(t)
	w := newWorld(t, url)
	w.start()
	w.until("it is begun", func() bool {
		now := w.archive.Status()
		return now.Position.Incarnation() == w.log.Incarnation()
	})
	w.stop()
	other := newWorld(t, url)
	g := newTraffic(31)
	for range 2 {
		other.start()
		other.commitMany(g, 40)
		other.mustEqual()
		other.stop()
	}
	w.start()
	w.until("the first is refused now", func() bool { return errors.Is(w.archive.Status().Err, ErrForeign) })
}

// TestWhatIsNotThisLogsArchiveIsRefused, and left as it is.
func TestWhatIsNotThisLogsArchiveIsRefused(t *testing.T) {
	url := database(t)
	w := newWorld(t, url)
	w.start()
	w.commitMany(newTraffic(9), 30)
	w.mustEqual()
	kept := w.number("SELECT count(*) FROM messages")
	w.stopArchive()

	other := newWorld(t, url)
	other.start()
	other.commitMany(newTraffic(10), 30)
	other.until("it is refused", func() bool { return errors.Is(other.archive.Status().Err, ErrForeign) })
	if n := w.number("SELECT count(*) FROM messages"); n != kept {
		t.Fatalf("%d messages, there were %d", n, kept)
	}
	if _, err := other.archive.EachBucket(testContext(t), nil, true, events.MinTime, events.MaxTime, func(events.Time, *readmodel.Counts) {}); !errors.Is(err, ErrForeign) {
		t.Errorf("its history is answered as that of the other log: %v", err)
	}
	if _, err := other.archive.EachAudit(testContext(t), func(*readmodel.AuditEntry) {}); !errors.Is(err, ErrForeign) {
		t.Errorf("its audit is answered as that of the other log: %v", err)
	}
	other.stop()

	w.sql("UPDATE position SET fingerprint = 'x'")
	w.startArchive()
	w.until("another message is noticed", func() bool { return errors.Is(w.archive.Status().Err, ErrForeign) })
	w.stopArchive()
	w.sql("UPDATE position SET fingerprint = sha256(data), seq = m.seq, batch_id = m.batch_id FROM (SELECT * FROM messages ORDER BY seq LIMIT 1) m")
	w.startArchive()
	w.until("rows behind the position are noticed", func() bool { return errors.Is(w.archive.Status().Err, ErrDamaged) })
	w.stopArchive()
	w.sql("DELETE FROM position")
	w.startArchive()
	w.until("a missing position is noticed", func() bool { return errors.Is(w.archive.Status().Err, ErrDamaged) })
}
