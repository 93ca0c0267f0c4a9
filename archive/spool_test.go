package archive

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

func openSpool(t *testing.T, dir string, folded uint64) *Spool {
	t.Helper()
	s := NewSpool(dir, slog.New(slog.DiscardHandler))
	if err := s.Begin(folded); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func judgementOf(seq uint64) *projector.Judgement {
	return &projector.Judgement{Seq: seq, Verdicts: []projector.Verdict{{Effect: readmodel.Applied, Delta: int8(seq % 2)}}}
}

func mustJudge(t *testing.T, s *Spool, from, to uint64) {
	t.Helper()
	r := spoolReader{spool: s}
	defer r.close()
	var j projector.Judgement
	for seq := from; seq <= to; seq++ {
		if err := r.Judgement(testContext(t), seq, &j); err != nil || j.Seq != seq || j.Verdicts[0].Delta != int8(seq%2) {
			t.Fatalf("message %d: %+v, %v", seq, j, err)
		}
	}
}

// TestASpoolIsContinued over restarts of a fold that goes back to its last
// checkpoint, and with its end torn off.
func TestASpoolIsContinued(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir, 0)
	for seq := uint64(1); seq <= 100; seq++ {
		s.Append(judgementOf(seq))
	}
	mustJudge(t, s, 1, 100)
	s.Close()
	s = openSpool(t, dir, 60) // what lies behind is judged again
	if s.last != 60 {
		t.Fatalf("it ends at %d, want 60", s.last)
	}
	for seq := uint64(61); seq <= 120; seq++ {
		s.Append(judgementOf(seq))
	}
	mustJudge(t, s, 50, 120)
	s.Close()
	names, _ := filepath.Glob(filepath.Join(dir, "*.judged"))
	info, err := os.Stat(names[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(names[0], info.Size()-3); err != nil {
		t.Fatal(err)
	}
	s = openSpool(t, dir, 119)
	s.Append(judgementOf(120))
	mustJudge(t, s, 1, 120)
	s.Close()
	// A fold that is further than what is kept: it begins anew there.
	s = openSpool(t, dir, 130)
	if s.First() != 131 {
		t.Fatalf("it begins at %d, want 131", s.First())
	}
	var j projector.Judgement
	if err := (&spoolReader{spool: s}).Judgement(testContext(t), 120, &j); !errors.Is(err, errUnjudged) {
		t.Fatalf("message 120 is judged: %v", err)
	}
}

// TestASpoolThatCannotBeWrittenToSaysSoOnceAMinute, with how many judgements it lost.
func TestASpoolThatCannotBeWrittenToSaysSoOnceAMinute(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := openSpool(t, dir, 0)
	var said bytes.Buffer
	now := time.Unix(0, 0)
	s.logger, s.now = slog.New(slog.NewTextHandler(&said, nil)), func() time.Time { return now }
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s.bytes = segmentBytes // the next one goes to a file of its own
	for seq := uint64(1); seq <= 100; seq++ {
		s.Append(judgementOf(seq))
	}
	now = now.Add(failedEvery)
	s.Append(judgementOf(101))
	if text := said.String(); strings.Count(text, "cannot be kept") != 2 || !strings.Contains(text, "judgements=1 ") || !strings.Contains(text, "judgements=100 ") {
		t.Error(text)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.Append(judgementOf(102))
	mustJudge(t, s, 102, 102)
}

// TestASpoolForgetsWhatIsArchived, file by file.
func TestASpoolForgetsWhatIsArchived(t *testing.T) {
	s := openSpool(t, t.TempDir(), 0)
	for seq := uint64(1); seq <= 30; seq++ {
		if seq%10 == 0 {
			s.bytes = segmentBytes // full
		}
		s.Append(judgementOf(seq))
	}
	s.Trim(19)
	if s.First() != 20 {
		t.Fatalf("it begins at %d, want 20", s.First())
	}
	mustJudge(t, s, 20, 30)
	s.Trim(30)
	mustJudge(t, s, 30, 30)
}
