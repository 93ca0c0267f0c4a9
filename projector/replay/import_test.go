package replay_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

func TestImportOfAnExportGivesTheSameDigest(t *testing.T) {
	t.Parallel()
	log := newHistory(9, 10*time.Minute).grow(150)
	live := foldWhole(t, modelConfig(), log)
	for _, format := range []replay.Format{replay.FormatMessages, replay.FormatParquet} {
		dir := t.TempDir()
		export(t, log, dir, replay.ExportOptions{Format: format})
		cfg := eventlog.Config{Dir: filepath.Join(t.TempDir(), "log")}
		if _, err := replay.Import(testContext(t), dir, cfg, nil); err != nil {
			t.Fatal(err)
		}
		l := openLog(t, cfg.Dir)
		again := modelConfig()
		again.Incarnation, again.Lineage = l.Incarnation(), l.Lineage()
		if got := foldWhole(t, again, mustRead(t, replay.FromLog(l))); got.Digest() != live.Digest() {
			t.Errorf("%s: the copy folds to %v, the original to %v", format, got.Digest(), live.Digest())
		}
		if l.Lineage().String() != (events.Lineage{{Incarnation: incarnation, Last: 150}}).String() {
			t.Errorf("%s: lineage %q", format, l.Lineage())
		}
		l.Close()
	}
}

func TestImportNeedsAWholeLog(t *testing.T) {
	log := newHistory(2, time.Minute).grow(20)
	dir := t.TempDir()
	export(t, log, dir, replay.ExportOptions{Format: replay.FormatMessages, From: replay.Point{Seq: 3}})
	cfg := eventlog.Config{Dir: filepath.Join(t.TempDir(), "log")}
	if _, err := replay.Import(context.Background(), dir, cfg, nil); err == nil {
		t.Error("a log without its beginning was imported")
	}
}
