package blackbox

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// copyDir puts a copy of a directory in the place of another.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func TestARestoredOlderLogIsAdopted(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.expects = "the log was adopted at message 3, and message 7 was folded before that"
	w := worldOf(t, s)
	video, viewer := newID(), w.user()
	for range 3 {
		viewer.views(video)
	}
	jetstreams, backup := filepath.Join(s.Dir, "jetstream"), filepath.Join(t.TempDir(), "backup")
	cli(t, "replay", "log", "adopt", "--data-dir", s.Dir, "--reason", "r").exits(exitFault).says("in use by another process")
	s.Stop(t)
	copyDir(t, jetstreams, backup)
	s.Restart(t)
	for range 4 {
		viewer.views(video)
	}
	w.wantCounts(video, counts{Views: 7})
	before := viewer.get("/v1/position").want(200).text("folded")
	s.Stop(t)
	copyDir(t, backup, jetstreams)

	// A rehearsal changes nothing.
	for range 2 {
		cli(t, "replay", "log", "adopt", "--data-dir", s.Dir, "--dry-run").exits(exitFine).
			says("messages 1 to 3", "up to message 7", "this was a rehearsal", "will rebuild: the log ends at message 3, and message 7 was folded")
	}
	adopted := cli(t, "replay", "log", "adopt", "--data-dir", s.Dir, "--reason", "restored from Monday's backup", "--json").exits(exitFine).json()
	s.Restart(t)
	fresh := worldOf(t, s)
	fresh.wantCounts(video, counts{Views: 3})
	admin := fresh.admin()
	viewer.with(fresh).get("/v1/videos/batch-metadata?ids="+video, "Tidemark-After", before).want(412)
	admin.get("/v1/videos/batch-metadata?ids=" + video + "&since=" + before).want(200).has(obj{"reset": true})
	entries := admin.get("/v1/admin/audit?action=log.adopt").want(200).list("entries")
	if len(entries) != 1 || entries[0]["reason"] != "restored from Monday's backup" || entries[0]["outcome"].(obj)["incarnation"] != adopted["incarnation"] {
		t.Errorf("audit %v, adopted %v", entries, adopted)
	}
	status := admin.get("/v1/admin/replay/status").want(200).object()["log"].(obj)
	if status["incarnation"] != adopted["incarnation"] || len(status["lineage"].([]any)) != 1 {
		t.Errorf("status %v", status)
	}
	viewer.with(fresh).views(video)
	fresh.wantCounts(video, counts{Views: 4})
}

// A log that was trimmed and has lost its end is adopted where a snapshot holds what it has
// forgotten, from which the next start rebuilds; without one it is not.
func TestATrimmedLogThatIsRestoredIsRebuiltFromASnapshot(t *testing.T) {
	t.Parallel()
	s, video := startTrimming(t)
	worldOf(t, s).trimmed()
	s.Stop(t)
	jetstreams, backup, models := filepath.Join(s.Dir, "jetstream"), filepath.Join(t.TempDir(), "backup"), filepath.Join(s.Dir, "models")
	copyDir(t, jetstreams, backup)
	s.Restart(t)
	w := worldOf(t, s)
	w.service().views(video)
	w.wantCounts(video, counts{Views: 7})
	s.Stop(t)
	copyDir(t, backup, jetstreams)
	snapshots, aside := filepath.Join(models, "snapshots"), filepath.Join(t.TempDir(), "snapshots")
	if err := os.Rename(snapshots, aside); err != nil {
		t.Fatal(err)
	}
	cli(t, "replay", "log", "adopt", "--data-dir", s.Dir, "--reason", "r").exits(exitFault).says("its tail is lost", "begins at message 6", "there is no snapshot")
	if err := os.Rename(aside, snapshots); err != nil {
		t.Fatal(err)
	}
	cli(t, "replay", "log", "adopt", "--data-dir", s.Dir, "--reason", "r").exits(exitFine).says("will rebuild", "the snapshot of message 6 holds what was before")
	s.expects = "the log was adopted at message"
	s.Restart(t)
	w = worldOf(t, s)
	w.wantCounts(video, counts{Views: 6})
	w.replay("verify").exits(exitFine).says("differences    0")
}

// An adoption that is killed before the audit has it gets there at the next start, once.
func TestAnAdoptionThatWasKilledIsAudited(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := worldOf(t, s)
	video, viewer := newID(), w.user()
	viewer.views(video)
	s.Stop(t)
	incarnation := eventlog.NewIncarnation()
	func() {
		log, err := eventlog.Open(t.Context(), eventlog.Config{Dir: filepath.Join(s.Dir, "jetstream"), Existing: true, Adopting: true})
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		note := fmt.Sprintf(`{"actor":"%s","reason":"moved","outcome":{"incarnation":"%s"}}`, viewer.ID, incarnation)
		if err := log.Adopt(t.Context(), incarnation, events.Lineage{{Incarnation: log.Incarnation(), Last: 1}}, note); err != nil {
			t.Fatal(err)
		}
	}()
	for range 2 {
		s.Restart(t)
		w = worldOf(t, s)
		eventually(t, "the audit to have the adoption", func() (bool, string) {
			entries := w.admin().get("/v1/admin/audit?action=log.adopt").want(200).list("entries")
			if len(entries) > 1 {
				t.Fatalf("audit %v", entries)
			}
			return len(entries) == 1 && entries[0]["reason"] == "moved" && entries[0]["actor"] == viewer.ID &&
				entries[0]["outcome"].(obj)["incarnation"] == incarnation.String(), ""
		})
		s.Stop(t)
	}
	s.Restart(t)
	worldOf(t, s).wantCounts(video, counts{Views: 1})
}

func TestACopyThatLostItsMetadataIsAdopted(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	s := start(t, "--nats-url", n.url)
	w := worldOf(t, s)
	video, viewer := newID(), w.user()
	for range 3 {
		viewer.views(video)
	}
	w.wantCounts(video, counts{Views: 3})
	s.Stop(t)
	n.forget("tidemark-incarnation")
	begun := cli(t, "serve", "--data-dir", s.Dir, "--listen", "127.0.0.1:0", "--nats-url", n.url).exits(exitFault)
	begun.says("tidemark replay log adopt")
	cli(t, "replay", "log", "adopt", "--data-dir", s.Dir, "--nats-url", n.url, "--reason", "moved to the new cluster").exits(exitFine).
		says("messages 1 to 3", "3 batches", "will go on: the checkpoint fits the log")
	s.Restart(t)
	fresh := worldOf(t, s)
	fresh.wantCounts(video, counts{Views: 3})
	viewer.with(fresh).views(video)
	fresh.wantCounts(video, counts{Views: 4})
	if rebuilds := fresh.admin().get("/v1/admin/replay/status").want(200).object()["model"].(obj)["rebuilds"]; rebuilds != 0.0 {
		t.Errorf("%v rebuilds", rebuilds)
	}
}

// forget removes a key from the metadata of the events stream, as a mirror does.
func (n *outsideNATS) forget(key string) {
	n.t.Helper()
	nc, err := nats.Connect(n.url)
	if err != nil {
		n.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		n.t.Fatal(err)
	}
	stream, err := js.Stream(n.t.Context(), "tidemark-events")
	if err != nil {
		n.t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	delete(cfg.Metadata, key)
	if _, err := js.UpdateStream(n.t.Context(), cfg); err != nil {
		n.t.Fatal(err)
	}
}

func TestAnotherServicesLogIsNotAdopted(t *testing.T) {
	t.Parallel()
	dirs := make([]string, 2)
	for i := range dirs {
		s := start(t)
		w := worldOf(t, s)
		video := newID()
		w.user().views(video)
		w.wantCounts(video, counts{Views: 1})
		s.Stop(t)
		dirs[i] = s.Dir
	}
	copyDir(t, filepath.Join(dirs[0], "jetstream"), filepath.Join(dirs[1], "jetstream"))
	cli(t, "replay", "log", "adopt", "--data-dir", dirs[1], "--reason", "r").exits(exitFault).says("written by another service")
	cli(t, "replay", "log", "adopt", "--data-dir", t.TempDir(), "--reason", "r").exits(exitFault).says("is gone")
	cli(t, "replay", "log", "adopt", "--data-dir", dirs[0]).exits(exitUsage).says("--reason")
	cli(t, "replay", "log", "adopt", "--data-dir", dirs[0], "--reason", "r", "--actor", "me").exits(exitUsage).says("--actor")
}
