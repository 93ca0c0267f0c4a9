package readmodel

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/events"
)

// TestACellThatNamesWhatCannotBeIsPassedOver by who reads and by the fold, until it is
// mended: it hides its own video or user, and nobody else.
func TestACellThatNamesWhatCannotBeIsPassedOver(t *testing.T) {
	m := New(testConfig())
	told(m, 1, 200)
	ids := make([]events.VideoID, m.Videos.Len())
	slots, found := make([]Slot, len(ids)), make([]bool, len(ids))
	for n := range ids {
		ids[n] = m.Videos.ID(uint32(n))
	}
	liker := m.Users.entry(2)
	user := events.UserID(bytes16(liker.hi, liker.lo))
	m.Users.setFlags(2, userBlocked)
	flipCell(m.Videos.index, 7, 1<<30)
	flipCell(m.Users.index, 2, 1<<30)
	m.Videos.Lookup(ids, slots, found)
	for n, id := range ids {
		if _, known := m.Videos.Find(id); found[n] == (n == 7) || known == (n == 7) {
			t.Errorf("video %d: looked up %t, found %t", n, found[n], known)
		}
	}
	if m.Users.Blocked(user) {
		t.Error("the user is found although the cell names another")
	}
	told(m, 201, 300)
	if number, ok := m.Videos.Find(ids[7]); !ok || number == 7 {
		t.Errorf("the fold has numbered it %d, %t", number, ok)
	}
}

// A filter that was damaged in memory lets a repeat count once more, so it is found before
// it does, and read from the checkpoint again.
func TestFiltersOfSealedIdentitiesAreLookedAtAndMended(t *testing.T) {
	live, log := tiny(New(testConfig()), 1, 1), New(testConfig())
	told(live, 1, 100)
	told(log, 1, 100)
	kept := newMemory(t.TempDir()).save(live)
	if c := compareAll(t, live, log); c.count > 0 {
		t.Fatalf("equal models: %s", tablesOf(c))
	}
	hours := slices.Sorted(maps.Keys(live.seen.buckets))
	hour := hours[slices.IndexFunc(hours, func(h int64) bool { return len(live.seen.buckets[h].runs) > 0 })]
	filter := &live.seen.buckets[hour].runs[0].slabs[0].filter
	for cell := range filter.cells { // one after the other, whoever's they are
		filter.cells[cell] ^= 4
		c := compareAll(t, live, log)
		// The log's identities may be missed in it too.
		if c.count == 0 || c.found[0].Table != "identities" || c.found[0].ID != hourName(hour) || !strings.Contains(c.found[0].Live, "may not be found") {
			t.Fatalf("cell %d: found %s", cell, tablesOf(c))
		}
		if c.count > 1 {
			filter.cells[cell] ^= 4 // to be mended it would be taken over, and would not be sealed
			continue
		}
		if n, err := c.Mend(2); n != 1 || err != nil {
			t.Fatalf("cell %d: mended %d: %v", cell, n, err)
		}
		if c := compareAll(t, live, log); c.count > 0 {
			t.Errorf("cell %d: mended, and still %s", cell, tablesOf(c))
		}
		filter = &live.seen.buckets[hour].runs[0].slabs[0].filter
	}
	filter.cells[0] ^= 4
	if _, err := compareAll(t, live, log).Mend(2); err != nil {
		t.Fatal(err)
	}
	told(live, 101, 130)
	told(log, 101, 130)
	kept = kept.save(live)
	loaded, err := loadChecked(kept.state, kept)
	if err != nil {
		t.Fatal(err)
	}
	if c := compareAll(t, loaded, log); c.count > 0 || loaded.Digest() != log.Digest() {
		t.Errorf("after a restart: %s", tablesOf(c))
	}
}
