package blackbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/archive/archivetest"
)

// startTrimming starts a service without an archive that keeps a snapshot of message 6 and
// forgets what lies before it, with six views of the video.
func startTrimming(t *testing.T) (s *Service, video string) {
	t.Helper()
	s = start(t, "--snapshot-interval", "1ns", "--checkpoint-interval", "1h", "--log-keep", "1ns")
	w := worldOf(t, s)
	video = newID()
	for range 5 {
		w.service().views(video)
	}
	w.replay("verify").exits(exitFine) // checkpoints, and so takes a snapshot
	w.service().views(video)
	w.hasSnapshot(6)
	s.Kill()
	s.Restart(t) // retention looks at once, and then every minute
	return s, video
}

// TestTheLogIsTrimmedWithoutAnArchive, where snapshots hold what it forgets: killed, and
// without its read models, the service makes one of a snapshot and the log behind it.
func TestTheLogIsTrimmedWithoutAnArchive(t *testing.T) {
	t.Parallel()
	s, video := startTrimming(t)
	w := worldOf(t, s)
	begins := w.trimmed()
	w.replay("status").exits(exitFine).says("retention      1ns are kept, ", "messages from 6 on are kept for the snapshot of message 6")
	if got := w.metric("tidemark_retention_held_sequence"); got != begins {
		t.Errorf("held from %v on, the log begins at %v", got, begins)
	}
	w.service().views(video)
	s.Kill()
	entries, err := os.ReadDir(filepath.Join(s.Dir, "models"))
	for _, e := range entries {
		if e.Name() != "snapshots" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.Dir, "models", e.Name())))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Restart(t)
	w = worldOf(t, s)
	w.wantCounts(video, counts{Views: 7})
	w.replay("verify").exits(exitFine).says("differences    0")
}

// TestTheLogIsTrimmedToWhatArchiveAndSnapshotsHold: with both, both must hold it.
func TestTheLogIsTrimmedToWhatArchiveAndSnapshotsHold(t *testing.T) {
	t.Parallel()
	postgres := archivetest.Start(t)
	s := start(t, "--snapshot-interval", "1ns", "--checkpoint-interval", "1h", "--log-keep", "1ns", "--postgres-url", postgres.URL("postgres"))
	w := worldOf(t, s)
	video := newID()
	for range 5 {
		w.service().views(video)
	}
	w.replay("verify").exits(exitFine)
	w.hasSnapshot(6)
	for range 5 {
		w.service().views(video)
	}
	eventually(t, "the archive to catch up", func() (bool, string) {
		at := w.metric("tidemark_archive_position")
		return at >= 10, fmt.Sprint(at)
	})
	s.Kill() // what was viewed last is in no snapshot
	s.Restart(t)
	w = worldOf(t, s)
	if begins := w.trimmed(); begins != 6 { // five views, and that somebody asks for a verification
		t.Errorf("the log begins at %v, want 6", begins)
	}
	w.replay("status").exits(exitFine).says("are kept for the snapshot of message 6")
	w.replay("verify", "--archive").exits(exitFine)
	w.wantCounts(video, counts{Views: 10})
}

// TestTheLogIsKeptForAnArchiveThatAnotherProcessWrites: what that has not archived is
// kept, whatever a snapshot holds.
func TestTheLogIsKeptForAnArchiveThatAnotherProcessWrites(t *testing.T) {
	t.Parallel()
	postgres := archivetest.Start(t)
	s := start(t, "--roles", "command,query", "--snapshot-interval", "1ns", "--checkpoint-interval", "1h", "--log-keep", "1ns",
		"--nats-listen", "127.0.0.1:0", "--postgres-url", postgres.URL("postgres"))
	w := worldOf(t, s)
	video := newID()
	for range 5 {
		w.service().views(video)
	}
	w.replay("verify").exits(exitFine)
	w.service().views(video)
	w.hasSnapshot(6)
	s.Kill()
	s.Restart(t)
	w = worldOf(t, s)
	var status obj
	eventually(t, "retention to look", func() (bool, string) {
		status = w.admin().get("/v1/admin/replay/status").want(200).object()
		r := status["retention"].(obj)
		return r["held_by"] != nil || r["fault"] != nil, fmt.Sprint(r)
	})
	if r := status["retention"].(obj); status["log"].(obj)["first_sequence"] != 1.0 || !strings.Contains(fmt.Sprint(r["fault"]), "archive") {
		t.Errorf("%v", status)
	}
}

// hasSnapshot waits until a checkpoint is kept as a snapshot: one that is written while
// an earlier one is being copied is not.
func (w *World) hasSnapshot(sequence float64) {
	w.t.Helper()
	eventually(w.t, fmt.Sprint("a snapshot of message ", sequence), func() (bool, string) {
		list := w.admin().get("/v1/admin/replay/status").want(200).object()["snapshots"].([]any)
		return slices.ContainsFunc(list, func(one any) bool { return one.(obj)["sequence"] == sequence }), fmt.Sprint(list)
	})
}

// trimmed waits until the log does not hold its beginning, and returns what it begins with.
func (w *World) trimmed() (first float64) {
	w.t.Helper()
	eventually(w.t, "the log to be trimmed", func() (bool, string) {
		status := w.admin().get("/v1/admin/replay/status").want(200).object()
		first = status["log"].(obj)["first_sequence"].(float64)
		return first > 1, fmt.Sprint(status)
	})
	return first
}

// TestRetentionOfWhatNothingElseHoldsIsRefused, with what to do.
func TestRetentionOfWhatNothingElseHoldsIsRefused(t *testing.T) {
	t.Parallel()
	for says, flags := range map[string][]string{
		"Give --postgres-url, the archive of all messages, or --snapshot-interval": {"--log-keep", "720h"},
		"other processes fold the same log":                                        {"--log-keep", "720h", "--snapshot-interval", "1h", "--nats-url", "nats://127.0.0.1:1"},
		"another process may archive the log":                                      {"--log-keep", "720h", "--snapshot-interval", "1h", "--nats-listen", "127.0.0.1:0"},
		"--log-keep is more than zero":                                             {"--log-keep=-1h", "--snapshot-interval", "1h"},
	} {
		cli(t, append([]string{"serve", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0"}, flags...)...).exits(exitUsage).says(says)
	}
}
