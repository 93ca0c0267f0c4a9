package readmodel

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidemark-io/tidemark/events"
)

var testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testConfig() Config {
	return Config{Incarnation: events.Incarnation{1}, DedupeHorizon: 6 * time.Hour, OutcomeHorizon: time.Hour}
}

// small makes stripes and chunks of segments so small that there are many.
func small(m *Model) *Model {
	m.Videos.stripe, m.Videos.segments.chunk = 3, 2*videoRecordSize
	m.Users.stripe, m.Users.segments.chunk = 2, 60
	return m
}

func testID(kind byte, n int) (id [16]byte) {
	copy(id[:], fmt.Sprintf("%c%d", kind, n))
	return id
}

// change folds one batch of random changes. Names go on growing, so that
// tables do.
func change(t *rapid.T, m *Model, seq uint64) {
	draw := func(n int, what string) int { return rapid.IntRange(0, n-1).Draw(t, what) }
	m.Begin(seq, testStart.Add(time.Duration(seq)*time.Duration(1+draw(90, "min"))*time.Minute))
	for i := range 1 + draw(12, "changes") {
		m.Step(uint16(i))
		names := int(4 + seq)
		video, user := testID('v', draw(names, "video")), testID('u', draw(names, "user"))
		at := m.LogTime() - events.Time(draw(4, "h"))*events.Time(time.Hour.Microseconds())
		switch draw(8, "change") {
		case 0, 1:
			e := &events.Event{Meta: events.Meta{Type: events.TypeVideoViewed, Time: at, Source: []byte("s"), ID: []byte{byte(draw(50, "id"))}}}
			if !m.SeenBefore(e) {
				m.AddView(video, at)
				m.MarkSeen(e)
			}
		case 2, 3:
			m.SetLike(events.VideoLike{Video: video, User: user}, When{Time: at}, draw(3, "liked") > 0)
		case 4:
			m.BlockAccount(user, draw(2, "retract") > 0)
		case 5:
			m.UnblockAccount(user)
		case 6:
			m.CreateItem(Item{Video: video, Kind: events.Comments, ID: testID('c', draw(5, "item"))}, user)
		case 7:
			m.SetDeleted(video, draw(2, "deleted") > 0)
		}
	}
	m.Publish(0)
}

// sameTables compares the flat tables entry by entry, without the digest.
func sameTables(a, b *Model) error {
	if a.Videos.count != b.Videos.count || a.Users.count != b.Users.count || a.Users.pairs != b.Users.pairs || a.seen.count != b.seen.count {
		return fmt.Errorf("sizes %v and %v", a.Snapshot().Sizes, b.Snapshot().Sizes)
	}
	for n := range a.Videos.count {
		var x, y Slot
		a.Videos.Read(n, &x)
		b.Videos.Read(n, &y)
		if x != y || a.Videos.ID(n) != b.Videos.ID(n) {
			return fmt.Errorf("video %d: %+v and %+v", n, x, y)
		}
	}
	for n := range a.Users.count {
		x, y := a.Users.entry(n), b.Users.entry(n)
		if x.hi != y.hi || x.lo != y.lo || x.flags.Load() != y.flags.Load() || x.likes.used != y.likes.used {
			return fmt.Errorf("user %d", n)
		}
		var err error
		x.likes.each(func(video uint32, v likeVersion) {
			if w, ok := y.likes.get(video); !ok || v != w {
				err = fmt.Errorf("like of user %d, video %d", n, video)
			}
		})
		if err != nil {
			return err
		}
	}
	for hour, x := range a.seen.buckets {
		if y := b.seen.buckets[hour]; y == nil || x.last != y.last || x.count != y.count || x.digest != y.digest {
			return fmt.Errorf("identities of hour %d", hour)
		}
	}
	return nil
}

func TestImagesAddUpToTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := small(New(testConfig()))
		var kept *memory
		rounds := rapid.IntRange(1, 25).Draw(t, "rounds")
		for round := 1; round <= rounds; round++ {
			for range rapid.IntRange(0, 2).Draw(t, "batches") {
				change(t, m, m.At().Seq+1)
			}
			image := m.Freeze(uint64(round))
			if rapid.Bool().Draw(t, "beside") {
				change(t, m, m.At().Seq+1)
			}
			kept = kept.with(image)
			m.Kept(kept)
			loaded, err := Load(testConfig(), kept.state, kept)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			small(loaded)
			if image.Digest != loaded.Digest() {
				t.Fatalf("round %d: digest %v, of the image %v", round, loaded.Digest(), image.Digest)
			}
			if image.Digest.At == m.At() {
				if err := sameTables(m, loaded); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				if rapid.Bool().Draw(t, "restart") {
					m = loaded
				}
			}
		}
	})
}

// TestDeltasAreDroppedOnceStripesCoverThem holds for a process that starts
// anew after each checkpoint as well.
func TestDeltasAreDroppedOnceStripesCoverThem(t *testing.T) {
	for _, restart := range []bool{false, true} {
		m := small(New(testConfig()))
		var kept *memory
		for version := uint64(1); version <= 60; version++ {
			m.Begin(version, testStart)
			m.AddView(testID('v', int(version%20)), 0)
			m.SetLike(events.VideoLike{Video: testID('v', 1), User: testID('u', int(version%20))}, When{Time: events.Time(version)}, true)
			m.Publish(0)
			kept = kept.with(m.Freeze(version))
			m.Kept(kept)
			if restart {
				loaded, err := Load(testConfig(), kept.state, kept)
				if err != nil {
					t.Fatal(err)
				}
				m = small(loaded)
			}
		}
		for _, l := range []*segmentLog{&m.Videos.segments, &m.Users.segments} {
			if n := len(l.deltas); n > len(l.stripes) {
				t.Errorf("restarts %t: table %d keeps %d deltas beside %d stripes", restart, l.table, n, len(l.stripes))
			}
		}
	}
}

func TestChangedByteOfASegmentIsFound(t *testing.T) {
	var kept *memory
	want := rapid.Custom(func(t *rapid.T) *Model {
		kept = nil
		m := small(New(testConfig()))
		for version := uint64(1); version <= 6; version++ {
			change(t, m, version)
			kept = kept.with(m.Freeze(version))
			m.Kept(kept)
		}
		return m
	}).Example(1)
	found, covered := 0, 0
	for _, space := range []byte{spaceSegments, spaceSeen, spaceTrending} {
		for _, key := range kept.keys([]byte{space}) {
			value := kept.values[key].value
			for at := range value {
				for _, bit := range []byte{1 << (at % 8)} {
					value[at] ^= bit
					loaded, err := Load(testConfig(), kept.state, kept)
					switch {
					case errors.Is(err, ErrState):
						found++
					case err != nil:
						t.Fatalf("key %x byte %d: %v", key, at, err)
					default: // a record that a later one covers
						covered++
						if err := sameTables(want, loaded); err != nil {
							t.Fatalf("key %x byte %d: loaded a wrong state: %v", key, at, err)
						}
						if space == spaceTrending {
							t.Fatalf("key %x byte %d: not found", key, at)
						}
					}
					value[at] ^= bit
				}
			}
		}
	}
	t.Logf("%d changed bytes found, %d in records that later ones cover", found, covered)
	if found < covered {
		t.Error("most were not found")
	}
}

func TestMissingSegmentIsFound(t *testing.T) {
	m := small(New(testConfig()))
	for n := range 20 {
		m.Begin(uint64(n+1), testStart)
		m.AddView(testID('v', n), m.LogTime())
		m.SetLike(events.VideoLike{Video: testID('v', 1), User: testID('u', n)}, When{Time: 1}, true)
		m.Publish(0)
	}
	kept := (*memory)(nil).with(m.Freeze(1))
	m.Kept(kept)
	m.Begin(21, testStart)
	for n := range 20 {
		m.AddView(testID('v', n), m.LogTime())
	}
	m.Publish(0)
	kept = kept.with(m.Freeze(2))
	if _, err := Load(testConfig(), kept.state, kept); err != nil {
		t.Fatal(err)
	}
	for _, key := range kept.keys([]byte{spaceTrending}) {
		value := kept.values[key]
		delete(kept.values, key)
		if _, err := Load(testConfig(), kept.state, kept); !errors.Is(err, ErrState) {
			t.Errorf("without %x: %v", key, err)
		}
		kept.values[key] = value
	}
	for _, cut := range []int{1, 7} {
		for _, key := range append(kept.keys([]byte{spaceSegments}), kept.keys([]byte{spaceTrending})...) {
			value := kept.values[key]
			kept.values[key] = memoryValue{value.value[:len(value.value)-cut], value.version}
			if _, err := Load(testConfig(), kept.state, kept); !errors.Is(err, ErrState) {
				t.Errorf("%x cut by %d: %v", key, cut, err)
			}
			kept.values[key] = value
		}
	}
	for _, state := range [][]byte{nil, kept.state[1:], append([]byte{99}, kept.state[1:]...)} {
		if _, err := Load(testConfig(), state, kept); !errors.Is(err, ErrState) {
			t.Errorf("state %x: %v", state, err)
		}
	}
}
