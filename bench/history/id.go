package history

import (
	"encoding/binary"
	"math/rand/v2"
)

// ID returns the n-th ID of a kind. IDs lie anywhere, as random UUIDs do.
func ID[T ~[16]byte](kind byte, n uint64) T {
	var id [16]byte
	x := mix(n*0x9e3779b97f4a7c15 + uint64(kind)*0xd1342543de82ef95 + 1)
	binary.BigEndian.PutUint64(id[:8], x)
	binary.BigEndian.PutUint64(id[8:], mix(x^0x5851f42d4c957f2d))
	id[6] = id[6]&0x0f | 0x40 // version 4, variant 10
	id[8] = id[8]&0x3f | 0x80
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
type Picker func() uint64

// Uniform draws each with the same probability.
func Uniform(seed uint64, n int) Picker {
	random := rand.New(rand.NewPCG(seed, 1))
	return func() uint64 { return random.Uint64N(uint64(n)) }
}

// Zipf draws small numbers more often, by the exponent 1.07: a feed in which a
// hundredth of a million videos gets some two thirds of the views.
func Zipf(seed uint64, n int) Picker {
	random := rand.New(rand.NewPCG(seed, 2))
	z := rand.NewZipf(random, 1.07, 1, uint64(n-1))
	return z.Uint64
}
