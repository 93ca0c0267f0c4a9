package replay_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// export exports some of the service's log beneath its directory of exports.
func (s *service) export(name string, from, to uint64, o replay.ExportOptions) {
	s.t.Helper()
	o.From, o.To = replay.Point{Seq: from}, replay.Point{Seq: to}
	o.Incarnation, o.Lineage, o.PartBytes = s.log.Incarnation(), s.log.Lineage(), smallParts
	if o.Format == "" {
		o.Format = replay.FormatMessages
	}
	if _, err := replay.Export(testContext(s.t), replay.FromLog(s.log), filepath.Join(s.exports(), name), o); err != nil {
		s.t.Fatal(err)
	}
}

// forget has the log itself forget its messages up to one.
func (s *service) forget(upTo uint64) {
	s.t.Helper()
	if err := s.log.Trim(testContext(s.t), upTo); err != nil {
		s.t.Fatal(err)
	}
	s.until("the log has forgotten them", func() bool {
		first, _, err := s.log.Bounds(testContext(s.t))
		if err != nil {
			s.t.Fatal(err)
		}
		return first > upTo
	})
}

func TestRebuildVerifyRepairAndReportReadExportsBeforeTheLog(t *testing.T) {
	s := newService(t)
	s.say(30)
	s.end()
	whole := mustRead(t, s.source)
	led, err := filepath.EvalSymlinks(s.dir) // the directory of exports may be a link
	if err == nil {
		led = filepath.Join(led, "led")
		err = errors.Join(os.Mkdir(led, 0o700), os.Symlink(led, s.exports()))
	}
	if err != nil {
		t.Fatal(err)
	}
	s.export("early", 1, 70, replay.ExportOptions{Format: replay.FormatParquet})
	s.export("late/one", 60, 120, replay.ExportOptions{}) // some of it in both
	s.export("within", 20, 40, replay.ExportOptions{})    // all of it in another
	s.forget(100)
	if _, err := s.runs.StartRebuild(testContext(t), replay.RebuildOptions{}); !errors.Is(err, replay.ErrNotCovered) {
		t.Fatalf("the log holds it all: %v", err)
	}
	both := []string{"late/one", filepath.Join(s.exports(), "early")}
	r := s.rebuild(replay.RebuildOptions{FromExports: both})
	if !r.Equal || !r.Switched || r.Digest != r.LiveDigest || r.Events < 150 {
		t.Errorf("%+v", r)
	}
	if said := r.Base.String(); said != "the export late/one of messages 60 to 120, the export early of messages 1 to 70, and the log behind it" {
		t.Errorf("begun with %s", said)
	}
	source := kept(whole)
	o := replay.Options{Model: s.p.ModelConfig()}
	want, err := replay.Report(testContext(t), source, replay.ReportRequest{}, o)
	if err != nil {
		t.Fatal(err)
	}
	byLink := []string{"late/one", filepath.Join(led, "early"), "within"}
	got := s.done(s.runs.StartReport(testContext(t), replay.Order{}, replay.ReportRequest{FromExports: byLink, Until: replay.Point{Seq: 150}})).Result.(*replay.Reported)
	if got.Digest != want.Digest || got.Totals != want.Totals {
		t.Errorf("reported %+v, of the whole log %+v", got, want)
	}

	s.inspect(func(m *readmodel.Model) { m.AddView(numbered[events.VideoID]('v', 3), 0) })
	v := s.done(s.runs.StartVerify(testContext(t), replay.VerifyOptions{FromExports: both})).Result.(*replay.VerifyResult)
	if v.First != 1 || v.Events < 150 || v.Differences.Count == 0 {
		t.Errorf("%+v", v)
	}
	mended := s.done(s.runs.StartRepair(testContext(t), replay.RepairOptions{VerifyOptions: replay.VerifyOptions{FromExports: both}})).Result.(*replay.RepairResult)
	if mended.Repaired == 0 {
		t.Errorf("%+v", mended)
	}
}

// What was begun with an export is gone on with from it, by a start and by hand.
func TestInterruptedRebuildReadsItsExportAgain(t *testing.T) {
	s := newService(t)
	s.say(40)
	last := s.end()
	s.export("all", 1, last-20, replay.ExportOptions{})
	s.forget(last - 40)
	id, lift := s.halts(last-10, replay.RebuildOptions{FromExports: []string{"all"}}) // behind the export
	lift()
	s.goesOn(id)
	r := s.done(id, nil).Result.(*replay.RebuildResult)
	if !r.Switched || !r.Equal || r.Events >= int64(last) || len(r.Base.Exports) != 1 {
		t.Errorf("%+v begun with %v", r, r.Base)
	}
}

// A fold reserves what it takes to read exports, a part at a time, beside what it folds.
func TestReadingExportsIsReserved(t *testing.T) {
	s := newService(t)
	s.say(4)
	s.end()
	large := replay.ExportOptions{Format: replay.FormatMessages, Incarnation: s.log.Incarnation(), Lineage: s.log.Lineage(), PartBytes: 1 << 30}
	if _, err := replay.Export(testContext(t), replay.FromLog(s.log), filepath.Join(s.exports(), "large"), large); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s.free, s.model = 700<<20, 1<<20
	s.start()
	o := replay.VerifyOptions{FromExports: []string{"large"}}
	for _, o.OnDisk = range []bool{false, true} {
		if _, err := s.runs.StartVerify(testContext(t), o); !errors.Is(err, replay.ErrMemory) || !strings.Contains(err.Error(), "it may take 12") {
			t.Errorf("on disk %t: %v", o.OnDisk, err)
		}
	}
	s.done(s.runs.StartVerify(testContext(t), replay.VerifyOptions{}))
}

// What is held has folded its exports: once they are gone it is gone on with all the same.
func TestWhatIsHeldNeedsItsExportNoMore(t *testing.T) {
	s := newService(t)
	s.say(20)
	s.export("all", 1, s.end(), replay.ExportOptions{})
	held := s.rebuild(replay.RebuildOptions{FromExports: []string{"all"}, Hold: true})
	if err := os.RemoveAll(s.exports()); err != nil {
		t.Fatal(err)
	}
	if r := s.rebuild(replay.RebuildOptions{}); r.Model != held.Model || !r.Equal || !r.Switched {
		t.Errorf("%+v", r)
	}
}

func TestExportsThatCannotBeReadBeforeTheLogAreRefused(t *testing.T) {
	s := newService(t)
	s.say(20)
	last := s.end()
	s.export("whole", 1, last, replay.ExportOptions{})
	s.export("begin", 1, 40, replay.ExportOptions{})
	s.export("middle", 50, 70, replay.ExportOptions{})
	s.export("views", 1, last, replay.ExportOptions{Format: replay.FormatParquet, Types: []events.Type{events.TypeVideoViewed}})
	s.export("events", 1, last, replay.ExportOptions{Format: replay.FormatEvents})
	s.export("damaged", 1, 70, replay.ExportOptions{})
	part := filepath.Join(s.exports(), "damaged", "part-000001.ndjson.zst")
	b, err := os.ReadFile(part)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(part, b, 0o644); err != nil {
		t.Fatal(err)
	}
	other := newService(t)
	other.say(20)
	other.end()
	for name, as := range map[string]events.Incarnation{"foreign": other.log.Incarnation(), "exchanged": s.log.Incarnation()} {
		_, err := replay.Export(testContext(t), replay.FromLog(other.log), filepath.Join(s.exports(), name),
			replay.ExportOptions{Format: replay.FormatMessages, To: replay.Point{Seq: 80}, Incarnation: as})
		if err != nil {
			t.Fatal(err)
		}
	}
	outside := filepath.Join(s.dir, "outside")
	if _, err := replay.Export(testContext(t), replay.FromLog(s.log), outside, replay.ExportOptions{Format: replay.FormatMessages, Incarnation: s.log.Incarnation()}); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(s.exports(), "link")); err != nil {
		t.Fatal(err)
	}
	s.forget(60)
	for name, want := range map[string]string{
		"begin": "ends at message 40, and the log begins at message 61", "views": "holds some types of events only", "events": "holds events, not messages",
		"foreign": "neither this one", "exchanged": "sources are not of one log", "nowhere": "there is none to be read",
		"../outside": "is not beneath", outside: "is not beneath", "link": "there is none to be read", "": "is not beneath",
	} {
		_, err := s.runs.StartRebuild(testContext(t), replay.RebuildOptions{FromExports: []string{name}})
		if !errors.Is(err, replay.ErrExport) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", name, err, want)
		}
	}
	_, err = s.runs.StartRebuild(testContext(t), replay.RebuildOptions{FromExports: []string{"middle", "begin"}})
	if !errors.Is(err, replay.ErrExport) || !strings.Contains(err.Error(), "the messages between") {
		t.Errorf("with a gap: %v", err)
	}
	if _, err := s.runs.StartRebuild(testContext(t), replay.RebuildOptions{FromExports: []string{"middle"}}); !errors.Is(err, replay.ErrNotCovered) {
		t.Errorf("without the beginning: %v", err)
	}
	if run := s.run(s.runs.StartRebuild(testContext(t), replay.RebuildOptions{FromExports: []string{"damaged"}})); !errors.Is(run.Err(), replay.ErrExport) {
		t.Errorf("damaged: %s %s", run.State, run.Error)
	}
	// What the damaged one left behind is gone on with from a whole one.
	if r := s.rebuild(replay.RebuildOptions{FromExports: []string{"whole"}}); !r.Equal || !r.Switched {
		t.Errorf("%+v", r)
	}
}

func TestExportOfAnEarlierIncarnationIsReadUpToItsEnd(t *testing.T) {
	t.Parallel()
	earlier, now := events.Incarnation{1}, events.Incarnation{2}
	log := newHistory(3, time.Minute).grow(50)
	dir := t.TempDir()
	if _, err := replay.Export(testContext(t), log, dir, replay.ExportOptions{Format: replay.FormatMessages, To: replay.Point{Seq: 30}, Incarnation: earlier}); err != nil {
		t.Fatal(err)
	}
	x, err := replay.OpenExport(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []uint64{29, 30} {
		s, err := replay.Behind(testContext(t), []*replay.Exported{x}, kept(log[25:]), now, events.Lineage{{Incarnation: earlier, Last: end}})
		if end == 29 {
			if !errors.Is(err, replay.ErrExport) {
				t.Errorf("it holds message 30, which was lost: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := mustRead(t, s); len(got) != 50 {
			t.Errorf("%d messages: %s", len(got), sequences(got))
		}
	}
	if _, err := replay.Behind(testContext(t), []*replay.Exported{x}, kept(log[:20]), earlier, nil); !errors.Is(err, replay.ErrExport) {
		t.Errorf("the log ends before the export: %v", err)
	}
}
