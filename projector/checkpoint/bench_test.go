package checkpoint

import (
	"context"
	"encoding/binary"
	"testing"
)

const benchEntries = 200_000

func benchWrite(b *testing.B, s *Store, version uint64) {
	b.Helper()
	key, value := make([]byte, 16), make([]byte, 64)
	_, err := s.Write(context.Background(), version, func(yield func(k, v []byte) bool) {
		for i := range uint64(benchEntries) {
			// Scattered, as IDs are.
			binary.BigEndian.PutUint64(key, i*0x9E3779B97F4A7C15)
			binary.BigEndian.PutUint64(value, version)
			if !yield(key, value) {
				return
			}
		}
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkWrite writes versions of 200,000 entries of 16 and 64 bytes, each
// synced.
func BenchmarkWrite(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	version := uint64(0)
	for b.Loop() {
		version++
		benchWrite(b, s, version)
	}
	b.ReportMetric(float64(b.N)*benchEntries/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkWriteSmall writes versions of one entry: what a version costs.
func BenchmarkWriteSmall(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	version := uint64(0)
	for b.Loop() {
		version++
		write(b, s, version, map[string][]byte{"a": {byte(version)}})
	}
}

// BenchmarkLoad opens a store of 200,000 entries and reads them all.
func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	s := open(b, dir, Options{})
	benchWrite(b, s, 1)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		err = s.View().Scan(nil, nil, func(_, _ []byte) bool { n++; return true })
		if err != nil || n != benchEntries {
			b.Fatalf("%d entries, %v", n, err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*benchEntries/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkGet reads single keys.
func BenchmarkGet(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	benchWrite(b, s, 1)
	v, key, i := s.View(), make([]byte, 16), uint64(0)
	for b.Loop() {
		i = (i + 7919) % benchEntries
		binary.BigEndian.PutUint64(key, i*0x9E3779B97F4A7C15)
		if value, err := v.Get(key); err != nil || len(value) != 64 {
			b.Fatal(err)
		}
	}
}
