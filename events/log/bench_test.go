package log

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tidemark-io/tidemark/events"
)

// BenchmarkGroupCommit commits entries of one event of 64 bytes, durable. One
// operation is one entry.
func BenchmarkGroupCommit(b *testing.B) {
	for _, callers := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			l := openLog(b, Config{Dir: b.TempDir()})
			w := l.NewWriter(WriterConfig{})
			stop := runWriter(b, w)
			e := events.Entry{Bytes: make([]byte, 64), Events: 1}
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for next.Add(1) <= int64(b.N) {
						if _, err := w.Commit(context.Background(), e); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
			b.ReportMetric(float64(b.N)/float64(last(b, l)), "entries/batch")
			_ = stop()
			l.Close()
		})
	}
}

// BenchmarkRead reads record batches. One operation is one of them.
func BenchmarkRead(b *testing.B) {
	const batches = 2000
	for _, size := range []int{300, 60 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			l := openLog(b, Config{Dir: b.TempDir(), UnsafeSyncInterval: 1 << 40})
			w := l.NewWriter(WriterConfig{})
			stop := runWriter(b, w)
			e := events.Entry{Bytes: make([]byte, size), Events: 600} // too many for two in one batch
			_, _ = rand.Read(e.Bytes)
			for range batches {
				if _, err := w.Commit(context.Background(), e); err != nil {
					b.Fatal(err)
				}
			}
			_ = stop()
			b.SetBytes(int64(size))
			b.ReportAllocs()
			b.ResetTimer()
			for left := b.N; left > 0; {
				err := l.Read(context.Background(), 1, func(m Message) error {
					if left--; left == 0 || m.Seq == batches {
						return errEnough
					}
					return nil
				})
				if !errors.Is(err, errEnough) {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "batches/s")
			l.Close()
		})
	}
}

// BenchmarkDelivery is the way of one entry: from Commit to the reader.
func BenchmarkDelivery(b *testing.B) {
	for name, cfg := range map[string]Config{"fsync": {}, "no fsync": {UnsafeSyncInterval: 1 << 40}} {
		b.Run(name, func(b *testing.B) {
			cfg.Dir = b.TempDir()
			l := openLog(b, cfg)
			w := l.NewWriter(WriterConfig{})
			stop := runWriter(b, w)
			ctx, cancel := context.WithCancel(context.Background())
			delivered, done := make(chan uint64, 1), make(chan error, 1)
			go func() { done <- l.Read(ctx, 1, func(m Message) error { delivered <- m.Seq; return nil }) }()
			e := events.Entry{Bytes: make([]byte, 64), Events: 1}
			commitOne := func() {
				if _, err := w.Commit(ctx, e); err != nil {
					b.Fatal(err)
				}
				<-delivered
			}
			commitOne()
			b.ResetTimer()
			for range b.N {
				commitOne()
			}
			b.StopTimer()
			cancel()
			<-done
			_ = stop()
			l.Close()
		})
	}
}
