package history

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/tidemark-io/tidemark/bench/world"
	"github.com/tidemark-io/tidemark/events"
)

// Video returns the ID of a video of the world.
func Video(n int) events.VideoID { return events.VideoID(world.ID(n)) }

// User returns the ID of a user of the world.
func User(n int) events.UserID { return events.UserID(world.UserID(n)) }

// The kinds of things that the world does not name.
const (
	itemKind byte = iota + 1
	jobKind
	notificationKind
)

// numbered returns the n-th ID of a kind. IDs lie anywhere, as random UUIDs do.
func numbered[T ~[16]byte](kind byte, n int) T {
	var id [16]byte
	x := mix(uint64(n)*0x9e3779b97f4a7c15 + uint64(kind)*0xd1342543de82ef95 + 1)
	binary.BigEndian.PutUint64(id[:8], x)
	binary.BigEndian.PutUint64(id[8:], mix(x^0x5851f42d4c957f2d))
	return id
}

// mix is the finalizer of splitmix64: a bijection in which every bit of the
// input changes half of the output.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// Picker draws numbers from 0 to n-1.
type Picker func() int

// Uniform draws each with the same probability.
func Uniform(seed uint64, n int) Picker {
	random := rand.New(rand.NewPCG(seed, 1))
	return func() int { return random.IntN(n) }
}

// Zipf draws by popularity, as the world does.
func Zipf(seed uint64, n int) Picker { return world.Videos(n).NewDraw(seed).Video }
