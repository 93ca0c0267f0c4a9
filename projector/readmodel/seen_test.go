package readmodel

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidemark-io/tidemark/events"
)

// tiny is a model that seals at every turn: one identity is worth a run.
func tiny(m *Model, budget, chunks int) *Model {
	m.seen.budget, m.seen.sealMin, m.seen.sealChunks = budget, 1, chunks
	return m
}

// seenEvent names an outside event by hour and number.
type seenEvent struct {
	hour int64
	n    int
}

func (e seenEvent) event() *events.Event {
	return &events.Event{Meta: events.Meta{
		Type: events.TypeVideoViewed, Time: events.TimeOf(testStart) + events.Time(e.hour)*events.Time(time.Hour.Microseconds()),
		Source: []byte("gateway"), ID: fmt.Append(nil, e.n),
	}}
}

// recount is what is to be remembered, kept the plain way.
type recount struct {
	seen    map[seenEvent]bool
	last    map[int64]events.Time
	horizon events.Time
	logTime events.Time
}

func newRecount(horizon time.Duration) *recount {
	return &recount{seen: map[seenEvent]bool{}, last: map[int64]events.Time{}, horizon: events.Time(horizon.Microseconds())}
}

// advance forgets hours once in an hour of log time.
func (r *recount) advance(logTime events.Time) {
	if hourOf(logTime) != hourOf(r.logTime) {
		for e := range r.seen {
			if logTime-r.last[e.hour] > r.horizon {
				delete(r.seen, e)
			}
		}
	}
	r.logTime = logTime
}

// sealedWorld is one log folded by several models with different budgets, with
// checkpoints and restarts at different times, beside a recount.
type sealedWorld struct {
	want   *recount
	models []*sealedModel
}

type sealedModel struct {
	m      *Model
	kept   *memory
	image  *Image // under way
	budget int
	chunks int
}

func (s *sealedModel) freeze() {
	if s.image == nil {
		version := uint64(1)
		if s.kept != nil {
			version = s.kept.version + 1
		}
		s.image = s.m.Freeze(version)
	}
}

func (s *sealedModel) keep() {
	if s.image != nil {
		s.kept = s.kept.with(s.image)
		s.m.Kept(s.kept)
		s.image = nil
	}
}

// restart loads the last checkpoint, which holds all there is.
func (s *sealedModel) restart(t *rapid.T) {
	before := s.m.Digest()
	m, err := loadChecked(s.kept.state, s.kept)
	if err != nil {
		t.Fatalf("restart: %v", err)
	}
	if m.Digest() != before {
		t.Fatalf("digest %v after a restart, %v before", m.Digest(), before)
	}
	if a, b := s.m.seen.sizes, m.seen.sizes; a.sealed != b.sealed || a.filterBytes != b.filterBytes {
		t.Fatalf("sizes %+v after a restart, %+v before", b, a)
	}
	s.m = tiny(m, s.budget, s.chunks)
}

func (w *sealedWorld) batch(t *rapid.T, seq uint64) {
	logTime := testStart.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "minutes")) * time.Minute)
	if w.want.logTime != 0 {
		logTime = logTime.Add(w.want.logTime.Std().Sub(testStart))
	}
	w.want.advance(events.TimeOf(logTime))
	hour := hourOf(w.want.logTime) - hourOf(events.TimeOf(testStart))
	list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) seenEvent {
		late := rapid.SampledFrom([]int64{0, 0, 0, 0, 1, 2, 7}).Draw(t, "late")
		return seenEvent{hour - late, rapid.IntRange(0, 300).Draw(t, "n")}
	}), 0, 120).Draw(t, "events")
	before := map[seenEvent]bool{}
	for _, e := range list {
		before[e] = w.want.seen[e]
	}
	for _, s := range w.models {
		s.m.Begin(seq, logTime)
		for e, was := range before {
			if got := s.m.SeenBefore(e.event()); got != was {
				t.Fatalf("batch %d, budget %d: %+v seen before: %t, want %t", seq, s.budget, e, got, was)
			}
		}
		for i, e := range list {
			s.m.Step(uint16(i))
			if !s.m.SeenBefore(e.event()) {
				s.m.MarkSeen(e.event())
			}
		}
		s.m.Publish(0)
	}
	for _, e := range list {
		if !w.want.seen[e] {
			w.want.seen[e] = true
			w.want.last[e.hour] = w.want.logTime
		}
	}
}

func (w *sealedWorld) check(t *rapid.T, what string) {
	for _, s := range w.models {
		if s.m.Digest() != w.models[0].m.Digest() {
			t.Fatalf("%s: budgets %d and %d: digests %v and %v", what, s.budget, w.models[0].budget, s.m.Digest(), w.models[0].m.Digest())
		}
		if s.m.seen.count != len(w.want.seen) {
			t.Fatalf("%s: budget %d: %d identities, want %d", what, s.budget, s.m.seen.count, len(w.want.seen))
		}
		checkSizes(t, s.m.seen)
	}
}

// checkSizes recounts what the sizes count.
func checkSizes(t fataler, s *Seen) {
	var want seenSizes
	for _, b := range s.buckets {
		want.tableBytes += b.table.bytes
		total := b.table.count
		if b.pending != nil {
			want.tableBytes += b.pending.table.bytes
			total += b.pending.table.count
		}
		for i, r := range b.runs {
			want.sealed += r.count
			want.filterBytes += r.bytes()
			total += r.count
			if i > 0 && b.runs[i-1].count < mergeRatio*r.count {
				t.Fatalf("runs of %d and %d identities stand side by side", b.runs[i-1].count, r.count)
			}
		}
		if total != b.count {
			t.Fatalf("hour %d counts %d identities and has %d", b.hour, b.count, total)
		}
	}
	for _, j := range s.sealing {
		if j.bucket.dropped {
			want.tableBytes += j.table.bytes
			for _, r := range j.bucket.runs {
				want.sealed += r.count
				want.filterBytes += r.bytes()
			}
		}
	}
	if s.sizes != want {
		t.Fatalf("sizes %+v, want %+v", s.sizes, want)
	}
}

type fataler interface {
	Fatalf(format string, args ...any)
}

// TestSealingChangesNoAnswer folds events, late ones and repeats with budgets
// from nothing to plenty, with checkpoints and restarts in between.
func TestSealingChangesNoAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &sealedWorld{want: newRecount(testConfig().DedupeHorizon)}
		for _, s := range []sealedModel{{budget: 1 << 30, chunks: 1 << 20}, {budget: 0, chunks: 1 << 20}, {budget: 6000, chunks: 1 << 20}, {budget: 1 << 30, chunks: 3}} {
			s.m = tiny(New(testConfig()), s.budget, s.chunks)
			w.models = append(w.models, &s)
		}
		rounds := rapid.IntRange(1, 40).Draw(t, "rounds")
		for seq := range uint64(rounds) {
			w.batch(t, seq+1)
			w.check(t, "folded")
			for _, s := range w.models {
				switch rapid.IntRange(0, 4).Draw(t, "then") {
				case 0:
					s.freeze()
				case 1:
					s.keep()
				case 2:
					s.keep()
					s.freeze()
					s.keep()
					s.restart(t)
				}
			}
			w.check(t, "kept")
		}
		for _, s := range w.models {
			s.keep()
			s.freeze()
			s.keep()
			s.mustHoldNothingElse(t)
		}
	})
}

// mustHoldNothingElse compares the checkpoint with what the buckets name.
func (s *sealedModel) mustHoldNothingElse(t *rapid.T) {
	var want [][]byte
	for hour, b := range s.m.seen.buckets {
		want = append(want, bucketKey(hour))
		for _, c := range b.chunks {
			want = append(want, chunkKey(hour, c.version, c.n))
		}
		for _, r := range b.runs {
			for n := range r.slabs {
				want = append(want, slabKey(hour, r.id, n))
			}
			for page := range r.pageCount() {
				want = append(want, pageKey(pageName{hour, r.id, page}))
			}
		}
	}
	slices.SortFunc(want, bytes.Compare)
	got := s.kept.keys([]byte{spaceSeen})
	if len(got) != len(want) {
		t.Fatalf("budget %d: the checkpoint holds %d keys of identities, want %d", s.budget, len(got), len(want))
	}
	for i := range want {
		if got[i] != string(want[i]) {
			t.Fatalf("budget %d: the checkpoint holds %x, want %x", s.budget, got[i], want[i])
		}
	}
}

// TestCheckpointThatIsWrittenTwiceIsTheSame is what a retry relies on.
func TestCheckpointThatIsWrittenTwiceIsTheSame(t *testing.T) {
	m := tiny(New(testConfig()), 0, 1<<20)
	var kept *memory
	for version := range uint64(4) {
		markMany(m, version+1, 2000)
		image := m.Freeze(version + 1)
		once, again := kept.with(image), kept.with(image)
		if fmt.Sprint(once.values) != fmt.Sprint(again.values) {
			t.Fatal("the second time other keys were written")
		}
		kept = again
		m.Kept(kept)
	}
	if n := m.Snapshot().Sizes; n.SealedIdentities != 8000 || n.Identities != 8000 {
		t.Errorf("sizes %+v", n)
	}
}

// markMany folds a record batch of new identities of one hour.
func markMany(m *Model, seq uint64, n int) {
	m.Begin(seq, testStart)
	for i := range n {
		e := seenEvent{0, int(seq)*n + i}.event()
		if m.SeenBefore(e) {
			panic("seen before")
		}
		m.MarkSeen(e)
	}
	m.Publish(0)
}

// TestSealedIdentitiesThatCannotBeReadStopTheFold changes what was sealed.
func TestSealedIdentitiesThatCannotBeReadStopTheFold(t *testing.T) {
	m := tiny(New(testConfig()), 0, 1<<20)
	markMany(m, 1, 1000)
	kept := (*memory)(nil).with(m.Freeze(1))
	m.Kept(kept)
	pages := kept.keys([]byte{spaceSeen, seenPages})
	if len(pages) < 3 {
		t.Fatalf("%d pages", len(pages))
	}
	loaded := func(more int) *Model {
		m, err := loadChecked(kept.state, kept)
		if err != nil {
			t.Fatal(err)
		}
		markMany(m, 2, more)
		return tiny(m, 0, 1<<20)
	}
	for what, value := range map[string][]byte{"gone": nil, "cut short": kept.values[pages[0]].value[:40], "another": kept.values[pages[1]].value} {
		broken := &memory{version: 1, state: kept.state, values: map[string]memoryValue{pages[0]: {value, 1}}}
		m := loaded(0)
		m.Kept(broken)
		if err := rowsFailure(func() {
			for n := range 1000 {
				m.SeenBefore(seenEvent{0, 1000 + n}.event())
			}
		}); !errors.Is(err, ErrState) {
			t.Errorf("page is %s: %v", what, err)
		}
		// So does a checkpoint that has to merge it.
		m = loaded(1000)
		m.Kept(broken)
		image := m.Freeze(2)
		if err := rowsFailure(func() { broken.with(image) }); !errors.Is(err, ErrState) {
			t.Errorf("merged page is %s: %v", what, err)
		}
	}
}

func rowsFailure(fn func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = r.(RowsFailure).Err
		}
	}()
	fn()
	return nil
}

func TestChangedByteOfASlabIsFound(t *testing.T) {
	m := tiny(New(testConfig()), 0, 1<<20)
	markMany(m, 1, 600)
	kept := (*memory)(nil).with(m.Freeze(1))
	for _, kind := range []byte{seenSlabs, seenBuckets} {
		for _, key := range kept.keys([]byte{spaceSeen, kind}) {
			value := kept.values[key].value
			for at := 0; at < len(value); at += 1 + len(value)/100 {
				value[at] ^= 1
				if _, err := loadChecked(kept.state, kept); !errors.Is(err, ErrState) {
					t.Errorf("%c, byte %d: %v", kind, at, err)
				}
				value[at] ^= 1
			}
		}
	}
	if _, err := loadChecked(kept.state, kept); err != nil {
		t.Fatal(err)
	}
}
