package projector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// BenchmarkOnDisk folds a log of 10 million events, mostly views, as a rebuild on
// disk does, with 32 MiB of memory and with 256: the rate, the most that the tables
// held in memory, the most that Go's heap did meanwhile, and by how much the
// process's memory grew that is not of files. The embedded log is of that process.
//
//	go test ./projector -run '^$' -bench OnDisk -benchtime 1x
//
// With -short the log is a tenth.
func BenchmarkOnDisk(b *testing.B) {
	ctx, cancel := context.WithTimeout(context.Background(), replayLimit)
	defer cancel()
	l, total := replayLog(ctx, b, writeViews)
	defer l.Close()
	_, last, err := l.Bounds(ctx)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("32MiB", func(b *testing.B) { onDiskLog(ctx, b, l, last, total, MinOnDisk) })
	b.Run("256MiB", func(b *testing.B) { onDiskLog(ctx, b, l, last, total, 256<<20) })
}

func onDiskLog(ctx context.Context, b *testing.B, l *eventlog.Log, last uint64, total, memory int) {
	enough := errors.New("enough")
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for range b.N {
		s, err := OpenScratch(Config{ModelsDir: b.TempDir(), Now: time.Now, MayWrite: func() error { return nil }},
			readmodel.Config{Incarnation: l.Incarnation(), DedupeHorizon: 7 * 24 * time.Hour, OutcomeHorizon: 24 * time.Hour}, memory, FoldOptions{})
		if err != nil {
			b.Fatal(err)
		}
		// What others left, such as the writing of the log, is not the fold's.
		debug.FreeOSMemory()
		before := anonymousMemory(b)
		most, anonymous := uint64(0), before
		err = l.Read(ctx, 1, func(m eventlog.Message) error {
			if m.Seq%64 == 0 {
				metrics.Read(heap)
				most = max(most, heap[0].Value.Uint64())
				anonymous = max(anonymous, anonymousMemory(b))
			}
			if err := s.Message(m); err != nil || m.Seq < last {
				return err
			}
			return enough
		})
		if !errors.Is(err, enough) || s.Model().At() == (events.Position{}) {
			b.Fatal(err)
		}
		s.Model().Digest()
		b.ReportMetric(float64(s.e.space.Peak()>>20), "tables-held-MiB")
		b.ReportMetric(float64(s.e.space.Size()>>20), "tables-MiB")
		b.ReportMetric(float64(most>>20), "heap-MiB")
		b.ReportMetric(float64((anonymous-before)>>20), "more-MiB")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(total*b.N)/b.Elapsed().Seconds(), "events/s")
}

// anonymousMemory is how many bytes the process holds in memory that are not of files.
func anonymousMemory(b *testing.B) uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := bytes.Cut(status, []byte("RssAnon:"))
	var kib uint64
	if _, err := fmt.Sscan(string(after), &kib); err != nil {
		b.Fatal(err)
	}
	return kib << 10
}
