package query

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// TestCountsAreWrittenAsTheLibraryDoes tries every number of digits, the
// borders between them, and buffers with and without room.
func TestCountsAreWrittenAsTheLibraryDoes(t *testing.T) {
	values := []int64{0, math.MaxInt64, math.MinInt64, -1, -99_999_999}
	for power := int64(1); power < 1e18; power *= 10 {
		values = append(values, power-1, power, power+1, 9*power)
	}
	for n := range int64(20_000) { // each lane with each of its values
		values = append(values, n, n*10_000%100_000_000+n%10_000)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		values = append(values, random.Int64N(100_000_000), random.Int64()>>random.IntN(63))
	}
	names := [events.CounterCount]string{"view", "like", "comment", "remix", "glitch"}
	roomy := make([]byte, 0, 512)
	for i := range values {
		var counts readmodel.Counts
		want := "x"
		for c := range counts {
			counts[c] = values[(i+c*c)%len(values)]
			want += `,"` + names[c] + `_count":` + strconv.FormatInt(counts[c], 10)
		}
		want = strings.Replace(want, ",", "", 1) + "}"
		if got := string(appendCounts(append(roomy, 'x'), &counts)); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		if got := string(appendCounts([]byte("x"), &counts)); got != want {
			t.Fatalf("without room: %s, want %s", got, want)
		}
	}
}
