package idlist

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
)

const (
	lower = "aaaaaaaa-0000-4000-8000-000000000001"
	upper = "AAAAAAAA-0000-4000-8000-000000000001"
	other = "bbbbbbbb-0000-4000-8000-000000000002"
)

// spellings returns the texts of the entries, each with the place of its ID.
func spellings(l *List[events.VideoID]) (out []string) {
	for _, e := range l.Entries {
		out = append(out, fmt.Sprintf("%s %d", e.Text[:], e.ID))
	}
	return out
}

func TestRepeatedIDsCountOnceAndEachSpellingIsAnEntry(t *testing.T) {
	for name, c := range map[string]struct{ sent, want []string }{
		"nothing":       {nil, nil},
		"one":           {[]string{lower}, []string{lower + " 0"}},
		"twice":         {[]string{lower, lower}, []string{lower + " 0"}},
		"two spellings": {[]string{lower, upper, lower, upper}, []string{lower + " 0", upper + " 0"}},
		"in order":      {[]string{other, upper, lower}, []string{other + " 0", upper + " 1", lower + " 1"}},
	} {
		var l List[events.VideoID]
		for range 2 { // a pooled list forgets the request before
			l.Reset()
			for _, text := range c.sent {
				if !l.Add((*Spelling)([]byte(text))) {
					t.Fatalf("%s: %s was refused", name, text)
				}
			}
			if got := spellings(&l); !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
	}
}

// TestManySpellingsAreFound adds every spelling of an ID with ten letters, and
// a thousand other IDs, twice.
func TestManySpellingsAreFound(t *testing.T) {
	var l List[events.VideoID]
	l.Reset()
	want := 0
	for range 2 {
		want = 0
		for bits := range 1 << 10 {
			text := []byte(strings.Repeat("a", 8) + "-aa00-4000-8000-000000000001")
			for i, at := range []int{0, 1, 2, 3, 4, 5, 6, 7, 9, 10} {
				if bits&(1<<i) != 0 {
					text[at] = 'A'
				}
			}
			l.Add((*Spelling)(text))
			l.Add((*Spelling)(fmt.Appendf(nil, "cccccccc-0000-4000-8000-%012d", bits)))
			want += 2
		}
	}
	if len(l.Entries) != want || len(l.IDs) != 1+1<<10 {
		t.Errorf("%d entries of %d IDs", len(l.Entries), len(l.IDs))
	}
}

func TestScanSaysWhatIsWrong(t *testing.T) {
	for body, want := range map[string]string{
		`["` + lower + `","` + other + `"]`: "",
		`[]`:                                "must not be empty",
		`{}`:                                "array",
		`[1]`:                               "string",
		`["` + lower + `x"]`:                NotUUID,
		`["{` + lower[1:35] + `}"]`:         NotUUID,
		`["` + lower + `","` + lower + `","` + lower + `"]`:    "more than 2",
		`["` + lower + `","zzzzzzzz-0000-4000-8000-00000000"]`: "/1",
	} {
		var s strictjson.Scanner
		s.Reset([]byte(body))
		var l List[events.VideoID]
		l.ScanSome(&s, 2)
		err := s.End()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(fmt.Sprint(err), want)) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func TestResultsAreKeyedByTheVeryStringSent(t *testing.T) {
	var l List[events.VideoID]
	l.Reset()
	for _, text := range []string{lower, upper, other} {
		l.Add((*Spelling)([]byte(text)))
	}
	got := string(l.AppendResults(nil, func(id int) string { return fmt.Sprint("word", id) }))
	want := `"results":{"` + lower + `":"word0","` + upper + `":"word0","` + other + `":"word1"}`
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestListsAroundTheShortOnes repeats IDs, in two spellings too, in lists that
// stay short, that just do, and that do not.
func TestListsAroundTheShortOnes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var l List[events.VideoID]
	for _, size := range []int{shortList - 1, shortList, shortList + 1, 3 * shortList} {
		for _, pool := range []int{1, 5, size / 2, size, 100 * size} {
			l.Reset()
			ids, texts, want := map[string]int{}, map[string]bool{}, []string(nil)
			for range 2 * size {
				text := events.VideoID{0: 0xab, 7: byte(random.IntN(2)), 15: byte(random.IntN(pool)), 14: byte(random.IntN(pool) >> 8)}.String()
				if random.IntN(4) == 0 {
					text = strings.ToUpper(text)
				}
				id := strings.ToLower(text)
				if _, ok := ids[id]; !ok {
					ids[id] = len(ids)
				}
				if !texts[text] {
					texts[text] = true
					want = append(want, fmt.Sprintf("%s %d", text, ids[id]))
				}
				if !l.Add((*Spelling)([]byte(text))) {
					t.Fatalf("%s was refused", text)
				}
			}
			if got := spellings(&l); !slices.Equal(got, want) || len(l.IDs) != len(ids) {
				t.Fatalf("%d of %d IDs: %v, want %v", 2*size, pool, got, want)
			}
			for id, place := range ids {
				if l.IDs[place].String() != id {
					t.Fatalf("%d is %v, want %s", place, l.IDs[place], id)
				}
			}
		}
	}
}
