package readmodel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidemark-io/tidemark/events"
)

var testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testConfig() Config {
	return Config{Incarnation: events.Incarnation{1}, DedupeHorizon: 6 * time.Hour, OutcomeHorizon: time.Hour}
}

// small makes stripes so small that there are many.
func small(m *Model) *Model {
	m.Videos.log.size, m.Users.log.size = 3, 2
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
		dir, err := os.MkdirTemp("", "tidemark-image-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := small(New(testConfig()))
		kept := newMemory(dir)
		rounds := rapid.IntRange(1, 25).Draw(t, "rounds")
		for round := 1; round <= rounds; round++ {
			for range rapid.IntRange(0, 2).Draw(t, "batches") {
				change(t, m, m.At().Seq+1)
			}
			image := kept.freeze(m, uint64(round), func() {
				if rapid.Bool().Draw(t, "beside") {
					change(t, m, m.At().Seq+1)
				}
			})
			kept = kept.with(image)
			if rapid.Bool().Draw(t, "digest before kept") {
				m.Digest()
			}
			m.Kept(kept)
			loaded, err := loadChecked(kept.state, kept)
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
				if got := m.Digest(); got != image.Digest {
					t.Fatalf("round %d: digest %v, of the image %v", round, got, image.Digest)
				}
				if rapid.Bool().Draw(t, "restart") {
					m = loaded
				}
			}
		}
	})
}

// TestFilesAreDroppedOnceStripesCoverThem holds for a process that starts anew
// after each checkpoint as well, and for a table that changes seldom.
func TestFilesAreDroppedOnceStripesCoverThem(t *testing.T) {
	for _, restart := range []bool{false, true} {
		m := small(New(testConfig()))
		kept := newMemory(t.TempDir())
		for version := uint64(1); version <= 60; version++ {
			m.Begin(version, testStart)
			m.AddView(testID('v', int(version%20)), 0)
			if version%3 == 0 {
				m.SetLike(events.VideoLike{Video: testID('v', 1), User: testID('u', int(version%20))}, When{Time: events.Time(version)}, true)
			}
			m.Publish(0)
			kept = kept.save(m)
			if restart {
				loaded, err := loadChecked(kept.state, kept)
				if err != nil {
					t.Fatal(err)
				}
				m = small(loaded)
			}
		}
		for _, l := range []*tableLog{&m.Videos.log, &m.Users.log} {
			if n := len(l.files); n > len(l.since)+1 {
				t.Errorf("restarts %t: table %d keeps %d files for %d stripes", restart, l.table, n, len(l.since))
			}
		}
		files, err := os.ReadDir(kept.dir)
		if err != nil {
			t.Fatal(err)
		}
		if most := len(m.Videos.log.files) + len(m.Users.log.files) + 2; len(files) > most {
			t.Errorf("restarts %t: %d files on the disk, at most %d are needed", restart, len(files), most)
		}
	}
}

func TestChangedByteIsFound(t *testing.T) {
	kept := newMemory(t.TempDir())
	want := rapid.Custom(func(r *rapid.T) *Model {
		kept = newMemory(t.TempDir())
		m := small(New(testConfig()))
		for version := uint64(1); version <= 6; version++ {
			change(r, m, version)
			kept = kept.save(m)
		}
		return m
	}).Example(1)
	mustNotLoad := func(what string, at int) {
		t.Helper()
		if _, err := loadChecked(kept.state, kept); !errors.Is(err, ErrState) {
			t.Errorf("%s, byte %d: %v", what, at, err)
		}
	}
	for _, space := range []byte{spaceTables, spaceSeen, spaceTrending} {
		for _, key := range kept.keys([]byte{space}) {
			value := kept.values[key].value
			for at := range value {
				value[at] ^= 1 << (at % 8)
				loaded, err := loadChecked(kept.state, kept)
				switch {
				case errors.Is(err, ErrState):
				case err != nil || space != spaceSeen: // whose times of chunks may be covered by later ones
					t.Errorf("key %x, byte %d: %v", key, at, err)
				default:
					if err := sameTables(want, loaded); err != nil {
						t.Errorf("key %x, byte %d: loaded a wrong state: %v", key, at, err)
					}
				}
				value[at] ^= 1 << (at % 8)
			}
		}
	}
	changedFiles(t, kept, mustNotLoad)
}

// changedFiles changes each byte that a start reads of the files. What a start
// does not read is what a later block covers.
func changedFiles(t *testing.T, kept *memory, mustNotLoad func(what string, at int)) {
	read := map[string][]bool{}
	for _, l := range []*tableLog{{table: tableVideos}, {table: tableUsers}} {
		r, err := l.open(kept, 1<<10)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.opened {
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			read[f.Name()] = make([]bool, info.Size())
		}
		for _, f := range l.files {
			bytes := read[filepath.Join(kept.dir, fileName(l.table, f.version))]
			for at := f.directory; at < int64(len(bytes)); at++ {
				bytes[at] = true
			}
		}
		for _, p := range slices.Concat(r.stripes...) {
			for at := range int64(p.bytes) {
				read[p.file.Name()][p.offset+at] = true
			}
		}
		r.close()
	}
	for path, bytes := range read {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at, isRead := range bytes {
			if !isRead || at%3 != 0 { // a changed bit in each number
				continue
			}
			data[at] ^= 1 << (at % 8)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			mustNotLoad(filepath.Base(path), at)
			data[at] ^= 1 << (at % 8)
		}
		for _, size := range []int{0, 1, len(data) - 1, len(data) / 2} {
			if err := os.WriteFile(path, data[:size], 0o600); err != nil {
				t.Fatal(err)
			}
			mustNotLoad(filepath.Base(path)+" cut", size)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		mustNotLoad(filepath.Base(path)+" removed", 0)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := loadChecked(kept.state, kept); err != nil {
		t.Fatal(err)
	}
}

func TestMissingKeyIsFound(t *testing.T) {
	m := small(New(testConfig()))
	for n := range 20 {
		m.Begin(uint64(n+1), testStart)
		m.AddView(testID('v', n), m.LogTime())
		m.SetLike(events.VideoLike{Video: testID('v', 1), User: testID('u', n)}, When{Time: 1}, true)
		m.Publish(0)
	}
	kept := newMemory(t.TempDir()).save(m)
	m.Begin(21, testStart)
	for n := range 20 {
		m.AddView(testID('v', n), m.LogTime())
	}
	m.Publish(0)
	kept = kept.save(m)
	if _, err := loadChecked(kept.state, kept); err != nil {
		t.Fatal(err)
	}
	for _, key := range append(kept.keys([]byte{spaceTables}), kept.keys([]byte{spaceTrending})...) {
		value := kept.values[key]
		delete(kept.values, key)
		if _, err := loadChecked(kept.state, kept); !errors.Is(err, ErrState) {
			t.Errorf("without %x: %v", key, err)
		}
		for _, cut := range []int{1, 7} {
			kept.values[key] = memoryValue{value.value[:len(value.value)-cut], value.version}
			if _, err := loadChecked(kept.state, kept); !errors.Is(err, ErrState) {
				t.Errorf("%x cut by %d: %v", key, cut, err)
			}
		}
		kept.values[key] = value
	}
	for _, state := range [][]byte{nil, kept.state[1:], append([]byte{99}, kept.state[1:]...)} {
		if _, err := loadChecked(state, kept); !errors.Is(err, ErrState) {
			t.Errorf("state %x: %v", state, err)
		}
	}
}
