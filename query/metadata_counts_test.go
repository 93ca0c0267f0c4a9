package query

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
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
	roomy := make([]byte, 0, 64)
	for _, value := range values {
		want := "x" + strconv.FormatInt(value, 10)
		if got := string(appendCount(append(roomy, 'x'), value)); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		if got := string(appendCount([]byte("x"), value)); got != want {
			t.Fatalf("without room: %s, want %s", got, want)
		}
	}
}
