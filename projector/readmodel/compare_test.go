package readmodel

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidemark-io/tidemark/events"
)

// told folds a log of everything, the same each time, from record batch first to last.
func told(m *Model, first, last int) {
	for seq := first; seq <= last; seq++ {
		m.Begin(uint64(seq), testStart.Add(time.Duration(seq)*time.Minute))
		m.Step(0)
		video, user := testID('v', seq%40), testID('u', seq%6)
		m.AddView(video, m.LogTime())
		m.Step(1)
		m.SetLike(events.VideoLike{Video: testID('v', seq%17), User: user}, When{Time: m.LogTime()}, seq%3 > 0)
		m.Step(2)
		m.CreateItem(Item{Video: video, Kind: events.Comments, ID: testID('c', seq)}, user)
		e := &events.Event{Meta: events.Meta{Type: events.TypeVideoViewed, Time: m.LogTime(), Source: []byte("s"), ID: []byte{byte(seq), byte(seq >> 8)}}}
		if !m.SeenBefore(e) {
			m.MarkSeen(e)
		}
		if seq%20 == 0 {
			m.Step(3)
			m.Audit(&AuditEntry{At: m.LogTime(), Actor: user, Action: events.DeleteVideos, Position: m.At(), Reason: []byte("spam")})
		}
		m.Publish(0)
	}
}

// compareAll compares to the end.
func compareAll(t testing.TB, live, log *Model) *Comparison {
	t.Helper()
	c := Compare(live, log)
	for {
		beside, more, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		if beside != nil {
			if err := beside(); err != nil {
				t.Fatal(err)
			}
		}
		if !more {
			return c
		}
	}
}

func tablesOf(c *Comparison) string {
	var names []string
	for i := range c.found {
		names = append(names, c.found[i].Table+" "+c.found[i].ID)
	}
	return strings.Join(names, "\n")
}

// damage is what can happen to memory, or what a fold with a mistake does.
var damages = map[string]struct {
	do    func(m *Model)
	names string // the beginning of each line
}{
	"a counter": {func(m *Model) {
		m.Videos.slot(7).counts[events.Views].Add(1 << 20)
	}, "video 76380000-"},
	"the flags of a slot": {func(m *Model) {
		s := m.Videos.slot(3)
		s.state.Store(s.state.Load() ^ slotDeleted)
	}, "video 76340000-"},
	"the version of a like": {func(m *Model) {
		c := m.Users.entry(2).likes.cell(2)
		c.verLo ^= 1
	}, "like 75330000-"},
	"the video of a like": {func(m *Model) {
		c := m.Users.entry(2).likes.cell(2)
		version := c.version()
		m.Users.entry(2).likes.remove(2)
		m.Users.entry(2).likes.set(nil, 39, version)
	}, "like 75330000-\nlike 75330000-"},
	"the flags of a user": {func(m *Model) { m.Users.entry(1).flags.Store(userBlocked) }, "user 75320000-"},
	"a row": {func(m *Model) {
		r, _ := m.rows.active.Get(soughtRow(Item{Video: testID('v', 5), Kind: events.Comments, ID: testID('c', 5)}.key()))
		r.value()[3] ^= 4
	}, "item 76350000-"},
	"a row that is gone": {func(m *Model) {
		m.rows.active.Delete(soughtRow(Item{Video: testID('v', 6), Kind: events.Comments, ID: testID('c', 6)}.key()))
	}, "item 76360000-"},
	"a row too many": {func(m *Model) {
		m.rows.put(keyOf(rowJob).id(testID('j', 1)), []byte("job"))
	}, "job 6a310000-"},
	"an audit entry too many": {func(m *Model) {
		m.Audit(&AuditEntry{At: m.LogTime(), Action: events.DeleteVideos, Position: m.At(), Reason: []byte("nobody")})
	}, "audit entry "},
	"an identity": {func(m *Model) {
		for _, p := range m.seen.buckets[hourOf(events.TimeOf(testStart))].table.parts[:1] {
			for i := range p.cells {
				if p.cells[i] != (identity{}) {
					p.cells[i].lo ^= 1 << 40
					return
				}
			}
		}
	}, "identities 2026-03-01T12:00:00"},
	"a score": {func(m *Model) {
		m.Trending.mu.Lock()
		m.Trending.add(ByViews, 5, m.LogTime(), 1)
		m.Trending.mu.Unlock()
	}, "trending views of 1m0s from 2026-03-01T"},
	"the tag of a video's cell":                  {func(m *Model) { flipCell(m.Videos.index, 7, 1<<40) }, "video 76380000-"},
	"the number of a video's cell":               {func(m *Model) { flipCell(m.Videos.index, 7, 1<<30) }, "video 76380000-"},
	"the number of a video's cell, as another's": {func(m *Model) { flipCell(m.Videos.index, 7, 8) }, "video 76380000-"},
	"the tag of a user's cell":                   {func(m *Model) { flipCell(m.Users.index, 2, 1<<63) }, "user 75330000-"},
	"a user's cell":                              {func(m *Model) { flipCell(m.Users.index, 2, ^uint64(0)) }, "user 75330000-"},
	"the sums of the digest":                     {func(m *Model) { m.Videos.digest++ }, ""},
}

// flipCell changes bits of the cell in which an index has an entry; all of them empty it.
func flipCell(x *index, number uint32, bits uint64) {
	hash := x.hashOf(number)
	for probe := uint32(0); ; probe++ {
		c := &x.directory.Load().at(hash)[place(tagOf(hash), probe)]
		switch {
		case c.Load() != cellOf(tagOf(hash), number):
		case bits == ^uint64(0):
			c.Store(0)
			return
		default:
			c.Store(c.Load() ^ bits)
			return
		}
	}
}

// TestWhatIsNotFoundByItsIDIsFoundAgainOnceMended: readers see it, and the fold gives it
// no second number.
func TestWhatIsNotFoundByItsIDIsFoundAgainOnceMended(t *testing.T) {
	for _, bits := range []uint64{1 << 32, 1 << 40, 1, 1 << 31, ^uint64(0)} {
		live, log := New(testConfig()), New(testConfig())
		told(live, 1, 200)
		told(log, 1, 200)
		id := live.Videos.ID(7)
		flipCell(live.Videos.index, 7, bits)
		c := compareAll(t, live, log)
		if c.count != 1 {
			t.Fatalf("bits %x: found %s", bits, tablesOf(c))
		}
		if n, err := c.Mend(2); n != 1 || err != nil {
			t.Fatalf("bits %x: mended %d: %v", bits, n, err)
		}
		if number, ok := live.Videos.Find(id); number != 7 || !ok {
			t.Errorf("bits %x: it is found as %d, %t", bits, number, ok)
		}
		told(live, 201, 300)
		told(log, 201, 300)
		mustBeOne(t, live, log)
	}
}

func TestComparisonNamesWhatDiffersAndMendsIt(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			live, log := New(testConfig()), New(testConfig())
			told(live, 1, 200)
			told(log, 1, 200)
			if c := compareAll(t, live, log); c.count > 0 || c.Buckets < 5 {
				t.Fatalf("equal models: %d buckets, %s", c.Buckets, tablesOf(c))
			}
			damage.do(live)
			live.publish(0)
			c := compareAll(t, live, log)
			want := strings.Split(damage.names, "\n")
			got := strings.Split(tablesOf(c), "\n")
			if len(got) != len(want) {
				t.Fatalf("found\n%s\nwant %s", tablesOf(c), damage.names)
			}
			for i := range want {
				if !strings.HasPrefix(got[i], want[i]) {
					t.Errorf("found %s, want %s", got[i], want[i])
				}
			}
			// Both are folded on before it is mended. What was wrong may spread: a
			// pair to its video. So it takes a second look. Who cannot be found would
			// get a second number: nothing is told of them meanwhile.
			if !strings.Contains(name, "cell") {
				told(live, 201, 210)
				told(log, 201, 210)
			}
			c.NoteDigests(live.Digest(), log.Digest())
			for round := 1; c.count > 0; round++ {
				if n, err := c.Mend(9); err != nil || n == 0 || live.Snapshot().Generation() != 9 || round > 2 {
					t.Fatalf("round %d: mended %d, generation %d: %v", round, n, live.Snapshot().Generation(), err)
				}
				c = compareAll(t, live, log)
			}
			told(live, 211, 230)
			told(log, 211, 230)
			mustBeOne(t, live, log)
			var chain AuditChain
			if err := live.Snapshot().EachAudit(func(e *AuditEntry) bool { chain.Add(e); return true }); err != nil || chain.Fault != nil {
				t.Errorf("the audit: %v, %v", err, chain.Fault)
			}
		})
	}
}

// mustBeOne compares digests, and what a checkpoint gives back.
func mustBeOne(t *testing.T, live, log *Model) {
	t.Helper()
	if a, b := live.Digest(), log.Digest(); a != b {
		t.Fatalf("digest %v, want %v", a, b)
	}
	kept := newMemory(t.TempDir()).save(live)
	loaded, err := loadChecked(kept.state, kept)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := loaded.Digest(), log.Digest(); a != b {
		t.Fatalf("digest %v after a restart, want %v", a, b)
	}
	if c := compareAll(t, loaded, log); c.count > 0 {
		t.Errorf("after a restart: %s", tablesOf(c))
	}
}

// What lies in a checkpoint, sealed or not, is compared and mended too.
func TestComparisonLooksIntoCheckpoints(t *testing.T) {
	live, log := tiny(New(testConfig()), 1, 1), New(testConfig())
	told(live, 1, 100)
	told(log, 1, 100)
	kept := newMemory(t.TempDir()).save(live)
	if live.seen.sizes.sealed == 0 {
		t.Fatal("nothing was sealed")
	}
	if c := compareAll(t, live, log); c.count > 0 {
		t.Fatalf("equal models: %s", tablesOf(c))
	}
	key := Item{Video: testID('v', 5), Kind: events.Comments, ID: testID('c', 5)}.key()
	live.rows.put(key, append(bytes.Clone(live.rows.get(key)), 'x'))
	kept = kept.save(live)
	hour := hourOf(events.TimeOf(testStart))
	live.seen.buckets[hour].last++
	told(live, 101, 120)
	told(log, 101, 120)
	c := compareAll(t, live, log)
	if c.count != 2 {
		t.Fatalf("found %s", tablesOf(c))
	}
	if _, err := c.Mend(2); err != nil {
		t.Fatal(err)
	}
	kept = kept.save(live)
	loaded, err := loadChecked(kept.state, kept)
	if err != nil {
		t.Fatal(err)
	}
	if c := compareAll(t, loaded, log); c.count > 0 || loaded.Digest() != log.Digest() {
		t.Errorf("after a restart: %s", tablesOf(c))
	}
}

func TestVideoThatNoEventNamesCannotBeMended(t *testing.T) {
	live, log := New(testConfig()), New(testConfig())
	told(live, 1, 20)
	told(log, 1, 20)
	live.AddView(testID('v', 777), 0)
	c := compareAll(t, live, log)
	if c.count == 0 {
		t.Fatal("nothing was found")
	}
	before := live.Digest()
	if n, err := c.Mend(2); n != 0 || err == nil {
		t.Errorf("mended %d: %v", n, err)
	}
	if live.Digest() != before || live.Snapshot().Generation() != 0 {
		t.Error("and changed the model")
	}
}

func TestLikesAreTakenOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s likeSet
		want := map[uint32]likeVersion{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			video := rapid.Uint32Range(0, 40).Draw(t, "video")
			if rapid.IntRange(0, 2).Draw(t, "take out") == 0 {
				s.remove(video)
				delete(want, video)
			} else {
				s.set(nil, video, likeVersion(video)+7)
				want[video] = likeVersion(video) + 7
			}
			if int(s.used) != len(want) {
				t.Fatalf("%d likes, want %d", s.used, len(want))
			}
			for video, v := range want {
				if got, ok := s.get(video); !ok || got != v {
					t.Fatalf("video %d: %v %v", video, got, ok)
				}
			}
		}
	})
}

func TestIdentitiesAboveAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table identityTable
		n := rapid.IntRange(0, 300).Draw(t, "n")
		for i := range n {
			table.add(identityOf(&events.Meta{ID: []byte{byte(i), byte(i >> 8)}, Source: []byte("s")}))
		}
		var all, some []identity
		table.sorted(func(id identity) bool { all = append(all, id); return true })
		after := identity{}
		for more := true; more; {
			more = false
			left := rapid.IntRange(1, 50).Draw(t, "run")
			table.above(after, func(id identity) bool {
				some, after, more = append(some, id), id, true
				left--
				return left > 0
			})
		}
		if len(all) != len(some) {
			t.Fatalf("%d of %d identities", len(some), len(all))
		}
		for i := range all {
			if all[i] != some[i] {
				t.Fatalf("identity %d is another", i)
			}
		}
	})
}

// TestScoresAreTakenWithoutACopy, however many moves wait, and stay what they were.
func TestScoresAreTakenWithoutACopy(t *testing.T) {
	m := New(testConfig())
	m.Begin(1, testStart)
	for n := range uint32(3 * movesMin / 2) {
		m.Trending.add(ByViews, n%97, m.LogTime(), 1)
	}
	at := int64(m.LogTime()) / m.Trending.parts[ByViews][0].width
	var spare moveSorter
	before := m.Trending.take(int(ByViews), 0, at)
	if len(before.moves) == 0 || len(before.scores) == 0 {
		t.Fatalf("%d moves wait, %d scores", len(before.moves), len(before.scores))
	}
	if n := testing.AllocsPerRun(100, func() { m.Trending.take(int(ByViews), 0, at) }); n > 0 {
		t.Errorf("%v allocations while the fold waits", n)
	}
	want := slices.Clone(before.sum(&spare))
	for n := range uint32(4 * movesMin) {
		m.Trending.add(ByViews, n%89, m.LogTime(), 1)
	}
	if got := before.sum(&spare); !slices.Equal(got, want) {
		t.Error("what was taken has changed")
	}
	total := func(list []score) (n int) {
		for _, s := range list {
			n += int(s.count)
		}
		return n
	}
	if now := m.Trending.take(int(ByViews), 0, at); total(now.sum(&spare)) != 3*movesMin/2+4*movesMin || total(want) != 3*movesMin/2 {
		t.Errorf("%d views counted, %d before", total(now.sum(&spare)), total(want))
	}
	m.Publish(0)
}

// countedBase counts who holds it; a retired one cannot be held.
type countedBase struct {
	holders int
	retired bool
}

func (*countedBase) Get([]byte) ([]byte, error)                             { return nil, nil }
func (*countedBase) Scan(_, _ []byte, _ func(key, value []byte) bool) error { return nil }
func (b *countedBase) Release()                                             { b.holders-- }

func (b *countedBase) Acquire() bool {
	if !b.retired {
		b.holders++
	}
	return !b.retired
}

// Where one of two models has been retired, the other's checkpoint is let go of.
func TestRowsThatCannotBeHeldHoldNothing(t *testing.T) {
	for _, c := range []struct{ live, log bool }{{false, true}, {true, false}, {true, true}, {false, false}} {
		bases := [2]*countedBase{{}, {}}
		models := [2]*Model{New(Config{}), New(Config{})}
		for i, m := range models {
			m.rows.setBase(bases[i])
			m.publish(0)
		}
		bases[0].retired, bases[1].retired = c.live, c.log
		beside, _ := Compare(models[0], models[1]).rows()()
		if err := beside(); (err != nil) != (c.live || c.log) {
			t.Errorf("%+v: %v", c, err)
		}
		if bases[0].holders != 1 || bases[1].holders != 1 {
			t.Errorf("%+v: %d and %d hold them, each model's own hold included", c, bases[0].holders, bases[1].holders)
		}
	}
}

// What looked ahead and waits for the next record batch holds nothing of the last.
func TestAheadThatWaitsHoldsNothing(t *testing.T) {
	m := New(Config{})
	m.Begin(1, testStart)
	m.AddView(testID('v', 1), m.LogTime())
	m.SetLike(events.VideoLike{Video: testID('v', 1), User: testID('u', 1)}, When{Time: m.LogTime()}, true)
	m.Publish(0)
	batch := events.AppendEvent(nil, events.Meta{Type: events.TypeVideoLiked, Time: m.LogTime()}, events.VideoLike{Video: testID('v', 1), User: testID('u', 1)})
	var a Ahead
	a.byVideo.add(m.Videos.index, m.Videos.index.directory.Load(), batch[:16], 0, make([]uint32, 1))
	a.byUser.add(m.Users.index, m.Users.index.directory.Load(), batch[:16], 0, make([]uint32, 1))
	a.event.Source, a.base = batch, &countedBase{}
	if a.byVideo.where[0] == nil || a.byUser.where[0] == nil {
		t.Fatal("it holds nothing: the test shows nothing")
	}
	a.Forget()
	if a.base != nil {
		t.Fatal("it holds on to a checkpoint")
	}
	for i := range a.byVideo.where {
		if a.byVideo.where[i] != nil || a.byUser.where[i] != nil || a.event.Source != nil {
			t.Fatal("it holds on to a model's cells, or to a batch")
		}
	}
}
