package projector

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/mapped"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// little is so little memory that all that can be let go of is, at every message.
const little = 64 << 10

func TestScratchOnDiskEqualsTheFoldInMemory(t *testing.T) {
	log := manyEvents(t, 1, 600)
	for i := range log { // so that buckets are forgotten and rolled up
		log[i].Stored = log[i].Stored.Add(time.Duration(i) * 85 * time.Second)
	}
	cfg := testModelConfig()
	dir := t.TempDir()
	s, err := OpenScratch(Config{ModelsDir: dir, Now: time.Now, MayWrite: func() error { return nil }}, cfg, little, FoldOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f := NewFold(readmodel.New(cfg), FoldOptions{})
	for _, m := range log {
		if err := errors.Join(f.Message(m), s.Message(m)); err != nil {
			t.Fatal(err)
		}
		if m.Seq%50 == 0 && s.Model().Digest() != f.Model().Digest() {
			t.Fatalf("after message %d: %v on disk, %v in memory", m.Seq, s.Model().Digest(), f.Model().Digest())
		}
	}
	if s.e.version < 10 {
		t.Errorf("%d checkpoints: nothing was let go of", s.e.version)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A shadow on disk is interrupted, gone on with, compared with the serving model,
// and taken by the next start.
func TestShadowOnDiskIsGoneOnWithAndTakenByTheNextStart(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 200)
	w.equal("before")
	o := ShadowOptions{Read: w.read, OnDisk: little}
	s := w.begun(w.p.NewShadow(testContext(t), []byte("how"), o))
	w.catchUp(s, w.end()/2)
	half := s.At()
	w.must(s.Close())
	generation := w.p.Snapshot().Generation()
	w.stop()
	w.start()
	<-w.p.Live()
	s = w.begun(w.p.ResumeShadow(testContext(t), o))
	if s.At() != half {
		t.Errorf("it goes on at %v, and was left at %v", s.At(), half)
	}
	w.commits(200, 20)
	if !w.compare(s) {
		t.Error("it differs from the serving model")
	}
	unfollow := w.p.Follow()
	w.must(w.p.WaitFor(testContext(t), events.Position{Seq: w.end()}))
	w.catchUp(s, w.p.Snapshot().At.Seq)
	differences := 0
	for c, more := (*readmodel.Comparison)(nil), true; more; {
		var beside func() error
		var err error
		w.must(w.p.Lockstep(testContext(t), s, func(live, shadow *readmodel.Model) {
			if c == nil {
				c = readmodel.Compare(live, shadow)
			}
			beside, more, err = c.Next()
			_, differences = c.Found()
		}))
		w.must(err)
		if beside != nil {
			w.must(beside())
		}
	}
	unfollow()
	if differences != 0 {
		t.Errorf("%d keys differ", differences)
	}
	if _, err := w.p.Switch(testContext(t), s); !errors.Is(err, ErrOnDisk) {
		t.Errorf("it takes the serving model's place at once: %v", err)
	}
	name := s.Name()
	w.must(w.p.ServeNext(s, nil))
	w.commits(220, 10)
	w.must(w.p.WaitFor(testContext(t), events.Position{Seq: w.end()}))
	if needs := w.needs(); len(needs) != 2 || needs[1].By != NeededByNext || needs[1].Seq != w.end()-10 {
		t.Errorf("the log is needed by %+v", needs)
	}
	w.stop()
	w.start()
	w.equal("taken by the next start")
	if r := w.named(); r.Current != name || r.Previous != "model-000001" || r.Rebuilding != "" {
		t.Errorf("%+v", r)
	}
	if next, err := w.p.models.Next(); err != nil || next != "" || w.p.Snapshot().Generation() <= generation {
		t.Errorf("next is %q, generation %d: %v", next, w.p.Snapshot().Generation(), err)
	}
	back := w.begun(w.p.PreviousShadow(testContext(t), ShadowOptions{Read: w.read}))
	w.compare(back)
	w.switchTo(back)
	w.equal("and back")
}

// rebuiltNext has a model rebuilt on disk that the next start is to take, ends the fold,
// and returns the model's name.
func (w *world) rebuiltNext() (name string) {
	w.t.Helper()
	w.openLog("log")
	w.start()
	w.commits(0, 20)
	s := w.begun(w.p.NewShadow(testContext(w.t), nil, ShadowOptions{Read: w.read, OnDisk: little}))
	w.must(w.p.WaitFor(testContext(w.t), events.Position{Seq: w.end()}))
	w.catchUp(s, w.end())
	w.compare(s)
	name = s.Name()
	w.must(w.p.ServeNext(s, nil))
	w.stop()
	return name
}

// A model that the next start cannot take leaves the one of before serving.
func TestNextModelThatIsDamagedIsNotTaken(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.path("models"), w.rebuiltNext())
	flipBytes(t, path, "*.flat")
	w.start()
	w.equal("the one of before")
	if r := w.named(); r.Current != "model-000001" {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the damaged one is kept: %v", err)
	}
}

// What keeps a start from taking the next model may pass: then the one of before serves,
// under its own name and generation, and the start after takes the next.
func TestNextModelThatCannotBeOpenedIsTakenLater(t *testing.T) {
	w := newWorld(t)
	next := w.rebuiltNext()
	held, err := checkpoint.Open(filepath.Join(w.path("models"), next), checkpoint.Options{})
	w.must(err)
	w.start()
	w.equal("the one of before")
	if r := w.named(); r.Current != "model-000001" || r.Next != next || w.p.live.name != r.Current {
		t.Errorf("%s serves: %+v", w.p.live.name, r)
	}
	generation := w.p.Snapshot().Generation()
	w.stop()
	w.must(held.Close())
	w.start()
	w.equal("the next")
	if r := w.named(); r.Current != next || r.Previous != "model-000001" || r.Next != "" || w.p.Snapshot().Generation() <= generation {
		t.Errorf("generation %d serves after %d: %+v", w.p.Snapshot().Generation(), generation, r)
	}
}

// TestAFaultOfTheDiskWithinAMessageIsToldAsOne, and not as a mistake of the fold.
func TestAFaultOfTheDiskWithinAMessageIsToldAsOne(t *testing.T) {
	cfg := Config{ModelsDir: t.TempDir(), MayWrite: func() error { return nil }, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
	s, err := OpenScratch(cfg, testModelConfig(), MinOnDisk, FoldOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Message(ownMessage(1, testTime, bare(t, testTime, "video.viewed v1 u1 @0")...)); err != nil {
		t.Fatal(err)
	}
	cutTables(t, cfg.ModelsDir)
	err = s.Message(ownMessage(2, testTime, bare(t, testTime, "video.viewed v2 u1 @0")...))
	if !errors.Is(err, mapped.ErrFault) || strings.Contains(err.Error(), "goroutine") {
		t.Errorf("it is told as: %v", err)
	}
}

// TestTheNextModelIsTakenWhereTheCurrentOneIsGone: it is the last good one.
func TestTheNextModelIsTakenWhereTheCurrentOneIsGone(t *testing.T) {
	for name, lose := range map[string]func(dir string) error{
		"directory": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "model-000001")) },
		"its name": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "CURRENT"), []byte("nonsense\n"), 0o644)
		},
		"its naming": func(dir string) error { return os.Remove(filepath.Join(dir, "CURRENT")) },
	} {
		w := newWorld(t)
		next, dir := w.rebuiltNext(), w.path("models")
		w.must(w.p.removeUnfinished("model-000001")) // as a rebuild at the start does
		if _, err := os.Stat(w.p.models.Path(next)); err != nil {
			t.Errorf("what waits for the next start was removed: %v", err)
		}
		w.must(lose(dir))
		w.start()
		w.equal("without " + name)
		if r := w.named(); r.Current != next || r.Previous != "" {
			t.Errorf("without %s: %+v, want %s", name, r, next)
		}
		w.stop()
	}
}

// A disk that fails while tables are loaded into a file ends the loading and not the
// process, and is not taken for a fault of the model, which can be gone on with later.
func TestAFaultOfTheDiskWhileAShadowIsLoaded(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 60)
	s := w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{Read: w.read}))
	w.catchUp(s, w.end())
	name := s.Name()
	w.must(s.Close())
	e := w.p.shadowEdition()
	w.must(e.openSpace(w.p.models.Path(name), little))
	_, err := e.space.Alloc(1) // so that the file is there
	w.must(err)
	cutTables(t, w.p.models.Path(name))
	l := load(e.loadingConfig(), name, w.p.models.Path(name))
	<-l.done
	var doubt errDoubt
	if err := l.usable(); !errors.Is(err, mapped.ErrFault) || errors.As(err, &doubt) {
		t.Errorf("loaded: %v", err)
	}
	w.must(errors.Join(l.store.Close(), e.space.Close()))
	s = w.begun(w.p.ResumeShadow(testContext(t), ShadowOptions{Read: w.read, OnDisk: little}))
	if !w.compare(s) {
		t.Error("it differs from the serving model")
	}
	w.must(s.Discard())
}

// cutTables takes the files of tables in a directory away from below this process, which
// has them open without a name.
func cutTables(t *testing.T, dir string) {
	t.Helper()
	open, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range open {
		if file, err := os.Readlink(fd); err == nil && strings.HasPrefix(file, dir) && strings.Contains(file, "tables-") {
			if err := os.Truncate(fd, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
}
