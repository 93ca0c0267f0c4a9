package readmodel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func randomIdentities(seed uint64, n int) []identity {
	random := rand.New(rand.NewPCG(seed, 1))
	ids := make([]identity, n)
	for i := range ids {
		ids[i] = newIdentity(random.Uint64(), random.Uint64())
	}
	return ids
}

// TestIdentityTableIsASortedSet has identities that were ground out to share
// their first bits, or all but their last, beside ordinary ones.
func TestIdentityTableIsASortedSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table identityTable
		want := map[identity]bool{}
		shift := rapid.SampledFrom([]uint{0, 0, 20, 60}).Draw(t, "shared bits")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for range rapid.IntRange(0, 5000).Draw(t, "identities") {
			id := newIdentity(random.Uint64()>>shift, random.Uint64N(8))
			if table.contains(id) != want[id] {
				t.Fatalf("contains %x: %t", id, !want[id])
			}
			if table.add(id) == want[id] {
				t.Fatalf("add %x: %t", id, want[id])
			}
			want[id] = true
		}
		mustHoldSorted(t, &table, want)
	})
}

func mustHoldSorted(t fataler, table *identityTable, want map[identity]bool) {
	var got []identity
	for id := range table.sorted {
		if len(got) > 0 && !got[len(got)-1].less(id) {
			t.Fatalf("%x after %x", id, got[len(got)-1])
		}
		if !want[id] || !table.contains(id) {
			t.Fatalf("%x is in the table", id)
		}
		got = append(got, id)
	}
	bytes := 0
	for _, p := range slices.Compact(slices.Clone(table.parts)) {
		bytes += p.bytes()
	}
	if len(got) != len(want) || table.count != len(want) || bytes != table.bytes {
		t.Fatalf("%d identities, %d counted, want %d; %d bytes, %d counted", len(got), table.count, len(want), bytes, table.bytes)
	}
}

// TestIdentityTableSplits is large enough for parts to split, evenly and not.
func TestIdentityTableSplits(t *testing.T) {
	for shift, n := range map[uint]int{0: 300_000, 3: 300_000, 17: 40_000} {
		var table identityTable
		want := map[identity]bool{}
		for _, id := range randomIdentities(uint64(shift), n) {
			id.hi >>= shift
			want[id] = true
			table.add(id)
		}
		if table.depth < 2 || table.depth > maxDepth {
			t.Errorf("shift %d: depth %d", shift, table.depth)
		}
		mustHoldSorted(t, &table, want)
	}
}

func TestFilterLetsItsOwnThroughAndFewOthers(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 63, 64, 256, 1000, 10_000, 262_144} {
		all := randomIdentities(uint64(n), n+100_000)
		f := newFilter(all[:n])
		if len(f.cells) == 0 {
			t.Errorf("%d: no filter was found", n)
		}
		for _, id := range all[:n] {
			if !f.mayContain(id) {
				t.Fatalf("%d: %x is not let through", n, id)
			}
		}
		others := 0
		for _, id := range all[n:] {
			if f.mayContain(id) {
				others++
			}
		}
		t.Logf("%d identities: %.2f bits each, lets %.2f %% of others through", n, float64(8*len(f.cells))/float64(n), float64(others)/1000)
		if others > 1000 {
			t.Errorf("%d: %d of 100,000 others are let through", n, others)
		}
	}
}

// TestFilterOfWhatCannotBeToldApartLetsAllThrough: the same identity twice has
// no place of its own under any seed.
func TestFilterOfWhatCannotBeToldApartLetsAllThrough(t *testing.T) {
	f := newFilter([]identity{{1, 2}, {1, 2}})
	for _, id := range []identity{{1, 2}, {3, 4}} {
		if !f.mayContain(id) {
			t.Errorf("%x is not let through", id)
		}
	}
}
