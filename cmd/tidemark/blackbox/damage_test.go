package blackbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// These tests alone know the code inside: what is wrong and yet whole on the disk,
// checksums and all, is written by the same code that writes what is right.

// currentModel is the directory of the model that a stopped service serves.
func currentModel(t *testing.T, s *Service) string {
	t.Helper()
	_, path, err := checkpoint.Models{Dir: filepath.Join(s.Dir, "models")}.Current()
	if err != nil || path == "" {
		t.Fatal(path, err)
	}
	return path
}

// openModel opens the checkpoint of a stopped service for the length of the test
// and returns it with its marker, of which Model is the part of the read model.
func openModel(t *testing.T, s *Service) (store *checkpoint.Store, version uint64, marker map[string]json.RawMessage) {
	t.Helper()
	store, err := checkpoint.Open(currentModel(t, s), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	version, data := store.Latest()
	if err := json.Unmarshal(data, &marker); err != nil {
		t.Fatal(err)
	}
	return store, version, marker
}

// miscount has a stopped service's checkpoint say one view more of a video than
// the log does, in a version that holds together.
func miscount(t *testing.T, s *Service, video string) {
	t.Helper()
	store, version, marker := openModel(t, s)
	var state []byte
	if err := json.Unmarshal(marker["Model"], &state); err != nil {
		t.Fatal(err)
	}
	m, err := readmodel.Load(readmodel.Config{DedupeHorizon: 7 * 24 * time.Hour, OutcomeHorizon: 24 * time.Hour}, state, store.View())
	if err != nil {
		t.Fatal(err)
	}
	m.AddView(events.VideoID(uuid.MustParse(video)), 0) // of 1970: in no trending window
	image := m.Freeze(version + 1)
	if err := image.Write(store); err != nil {
		t.Fatal(err)
	}
	marker["Model"] = json.RawMessage(mustJSON(image.State))
	if _, err := store.Write(t.Context(), image.Version, image.Writes(), []byte(mustJSON(marker))); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// misrow changes the last byte of the one row that lies under the ID alone in a
// table of rows, with the checksum that belongs to it.
func misrow(t *testing.T, s *Service, table byte, id string) {
	t.Helper()
	store, version, marker := openModel(t, s)
	of := uuid.MustParse(id)
	key := append([]byte{'r', table}, of[:]...)
	value, err := store.View().Get(key)
	if err != nil || len(value) == 0 {
		t.Fatalf("no row lies under %x: %v", key, err)
	}
	value[len(value)-1] ^= 1
	one := func(yield func(key, value []byte) bool) { yield(key, value) }
	if _, err := store.Write(t.Context(), version+1, one, []byte(mustJSON(marker))); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// views is how many views of a video are served.
func (w *World) views(video string) int {
	w.t.Helper()
	a := w.anonymous().get("/v1/videos/batch-metadata?ids=" + video).want(200)
	return int(decode[struct{ Videos map[string]counts }](w.t, a).Videos[video].Views)
}

// watched publishes two videos, one of them viewed three times, and a
// notification, and stops the service, which has them in its checkpoint then.
func watched(w *World) (video, other, recipient string) {
	video, other, recipient = newID(), newID(), newID()
	for _, v := range []string{video, other} {
		w.service().post("/v1/videos", obj{"video_id": v}).want(202)
	}
	for range 3 {
		w.service().views(video)
	}
	w.service().post("/v1/notifications", obj{"notifications": []obj{{"user_id": recipient, "category": "a"}}}).want(202)
	return video, other, recipient
}

// A counter that is wrong in the checkpoint and vouched for by every checksum is
// served, since nothing tells it from a right one but the log: verify does, and
// repair takes the log's.
func TestWrongCounterInTheCheckpointIsNamedAndMended(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := worldOf(t, s)
	video, other, _ := watched(w)
	w.replay("verify").exits(exitFine).says("differences    0")
	before := w.anonymous().get("/v1/videos/batch-metadata?ids=" + video + "," + other).want(200).Header.Get("Tidemark-Position")
	s.Stop(t)
	miscount(t, s, video)
	s.Restart(t)
	if got := w.views(video); got != 4 {
		t.Fatalf("%d views are served, the damage was to make them 4", got)
	}

	found := w.replay("verify").exits(exitDifferences).says("differences    ", video, "views 4", "views 3")
	if strings.Contains(found.stdout, other) {
		t.Errorf("verify names what is right:\n%s", found.stdout)
	}
	if w.views(video) != 4 || w.metric("tidemark_verify_differences") == 0 {
		t.Errorf("%d views after a verify, the metric of differences is %v", w.views(video), w.metric("tidemark_verify_differences"))
	}

	w.replay("repair", "--reason", "a bit flipped").exits(exitFine).says(video, "repaired       ", "generation ")
	if got := w.views(video); got != 3 {
		t.Errorf("%d views after the repair, the log has 3", got)
	}
	// Who polls what changed since is not left with the wrong number.
	w.anonymous().get("/v1/videos/batch-metadata?ids=" + video + "," + other + "&since=" + before).want(200).has(obj{"reset": true})
	w.replay("verify").exits(exitFine).says("differences    0")
	if w.metric("tidemark_verify_differences") != 0 {
		t.Errorf("the metric of differences is %v after a verify that found none", w.metric("tidemark_verify_differences"))
	}
	audit := w.admin().get("/v1/admin/audit?action=replay.repair").want(200).list("entries")
	if len(audit) != 2 || audit[0]["reason"] != "a bit flipped" || audit[0]["outcome"].(obj)["state"] != "done" || audit[1]["outcome"].(obj)["state"] != "begun" {
		t.Errorf("audit %v", audit)
	}

	// It is mended on the disk as well, also for a kill.
	w.service().views(video)
	s.Kill()
	s.Restart(t)
	if got := w.views(video); got != 4 {
		t.Errorf("%d views after a crash, the log has 4", got)
	}
	w.replay("verify").exits(exitFine).says("differences    0")
	s.expects = "the serving read model is not what the log says"
}

// A row has no sum in what a start loads: the scrub compares it, and says so.
func TestScrubFindsAWrongRowOfTheCheckpoint(t *testing.T) {
	t.Parallel()
	s := start(t, "--scrub-interval", "100ms")
	w := worldOf(t, s)
	_, _, recipient := watched(w)
	eventually(t, "a scrub that finds nothing", func() (bool, string) {
		return w.metric("tidemark_verify_last_success_timestamp_seconds") != 0, "none yet"
	})
	if n := w.metric("tidemark_verify_differences"); n != 0 {
		t.Errorf("%v differences where nothing is wrong", n)
	}
	s.Stop(t)
	misrow(t, s, 't', recipient) // how many notifications are unread
	s.expects = "the serving read model is not what the log says"
	s.Restart(t)
	eventually(t, "a scrub that finds the row", func() (bool, string) {
		n := w.metric("tidemark_verify_differences")
		return n != 0, fmt.Sprint(n, " differences")
	})
	if said := s.Log.String(); !strings.Contains(said, "unread count "+recipient) {
		t.Errorf("the log does not name the row:\n%s", served.Tail(said))
	}
	reader := &Caller{w: w, ID: recipient, token: mint(recipient)}
	if n := reader.get("/v1/notifications").want(200).object()["unread_count"]; n == 1.0 {
		t.Error("the damage is not served")
	}
	repaired := w.replayFree("repair", "--reason", "scrubbed").exits(exitFine)
	if n := reader.get("/v1/notifications").want(200).object()["unread_count"]; n != 1.0 {
		t.Errorf("%v unread after %s", n, repaired.stdout)
	}
	w.replayFree("verify").exits(exitFine).says("differences    0")
	if n := w.metric("tidemark_verify_differences"); n != 0 {
		t.Errorf("%v differences after the repair", n)
	}
}

// replayFree is replay for a service that verifies by itself: of each kind of run
// one is under way at a time.
func (w *World) replayFree(args ...string) (o *output) {
	w.t.Helper()
	eventually(w.t, "the scrub to leave room", func() (bool, string) {
		o = w.replay(args...)
		return !strings.Contains(o.stderr, "(409)"), o.stderr
	})
	return o
}

// A bit that flips on the disk breaks a checksum: the start notices it, rebuilds
// from the log, and never serves a wrong number.
func TestFlippedBitOnTheDiskIsNoticedAtTheStart(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := worldOf(t, s)
	video, other, recipient := watched(w)
	s.Stop(t)
	files, err := filepath.Glob(filepath.Join(currentModel(t, s), "*"))
	if err != nil {
		t.Fatal(err)
	}
	whole := map[string][]byte{}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.Mode().IsRegular() {
			if whole[f], err = os.ReadFile(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	flipped := 0
	for file, data := range whole {
		at := len(bytes.TrimRight(data, "\x00")) / 2 // logs are made far too large
		if at == 0 || strings.HasSuffix(file, "LOCK") {
			continue
		}
		flipped++
		t.Run(filepath.Base(file), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(s.Dir)); err != nil {
				t.Fatal(err)
			}
			relative, err := filepath.Rel(s.Dir, file)
			if err != nil {
				t.Fatal(err)
			}
			bad := bytes.Clone(data)
			bad[at] ^= 0x10
			if err := os.WriteFile(filepath.Join(dir, relative), bad, 0o644); err != nil {
				t.Fatal(err)
			}
			damaged := startIn(t, dir, "--jwt-secret", secret)
			damaged.expects = "rebuilding the read model from the log beside it"
			w := worldOf(t, damaged)
			if w.views(video) != 3 || w.views(other) != 0 {
				t.Errorf("%d and %d views are served, the log has 3 and 0", w.views(video), w.views(other))
			}
			reader := &Caller{w: w, ID: recipient, token: mint(recipient)}
			reader.get("/v1/notifications").want(200).has(obj{"unread_count": 1})
			w.replay("verify").exits(exitFine).says("differences    0")
			noticed := strings.Contains(damaged.Log.String(), damaged.expects)
			if strings.HasSuffix(file, ".flat") && !noticed {
				t.Error("a flipped bit of a table was not noticed")
			}
		})
	}
	if flipped < 3 {
		t.Fatalf("only %d files to flip a bit in", flipped)
	}
}
