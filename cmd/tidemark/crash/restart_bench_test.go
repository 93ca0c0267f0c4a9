package crash

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// BenchmarkRestart fills a data directory with many videos, each with a view,
// and likes, and then measures how long it takes from the start of the process
// to its line that it serves: after a clean stop, and after kill -9 with a
// million views behind the last checkpoint. It also tells how long the clean
// stop took, and what the directory weighs.
//
//	go test ./cmd/tidemark/crash -run '^$' -bench Restart -benchtime 3x -timeout 30m
//
// Files are in the page cache, as after a restart of the process alone.
func BenchmarkRestart(b *testing.B) {
	for _, size := range []struct{ videos, likes int }{{1e6, 1e6}, {1e7, 1e7}} {
		b.Run(fmt.Sprintf("videos=%d,likes=%d", size.videos, size.likes), func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "data")
			fill(b, dir, size.videos, size.likes)
			s := newSite(b, dir, "--checkpoint-interval=1h")
			s.start()
			stopped := timed(s.stop)
			weight := float64(weigh(b, filepath.Join(dir, "models")))
			var clean, killed time.Duration
			b.ResetTimer()
			for range b.N {
				s.start()
				clean += s.readyTimes[len(s.readyTimes)-1]
				b.Logf("clean: %v, %s", s.readyTimes[len(s.readyTimes)-1], caughtUp.FindString(s.Said()))
				s.stop()
				fill(b, dir, 1e6, 0)
				s.start() // folds them, and writes no checkpoint
				s.Kill()
				s.start()
				killed += s.readyTimes[len(s.readyTimes)-1]
				b.Logf("killed: %v, %s", s.readyTimes[len(s.readyTimes)-1], caughtUp.FindString(s.Said()))
				s.stop()
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(clean.Seconds()/float64(b.N), "s-ready-after-stop")
			b.ReportMetric(killed.Seconds()/float64(b.N), "s-ready-after-kill")
			b.ReportMetric(stopped.Seconds(), "s-first-stop")
			b.ReportMetric(weight/float64(size.videos), "model-bytes/video")
		})
	}
}

var caughtUp = regexp.MustCompile(`caught up" .*`)

func timed(fn func()) time.Duration {
	began := time.Now()
	fn()
	return time.Since(began)
}

// fill appends record batches to the log of a directory that nobody serves.
func fill(b *testing.B, dir string, videos, likes int) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	l, err := eventlog.Open(ctx, eventlog.Config{Dir: filepath.Join(dir, "jetstream"), UnsafeSyncInterval: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	w := l.NewWriter(eventlog.WriterConfig{})
	running, end := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- w.Run(running) }()
	at := events.TimeOf(time.Now().Add(-30 * 24 * time.Hour))
	var frames []byte
	count := 0
	add := func(m events.Meta, d events.Data, last bool) {
		frames = events.AppendEvent(frames, m, d)
		if count++; count < 1000 && !last {
			return
		}
		// One command, so that it is one record batch.
		command := events.AppendCommand(nil, events.Command{Kind: events.RecordView, ID: events.CommandID(numbered('c', count)), Time: at, Events: count})
		if _, err := w.Commit(ctx, events.Entry{Bytes: append(command, frames...), Events: count}); err != nil {
			b.Fatal(err)
		}
		frames, count = frames[:0], 0
	}
	for n := range videos {
		add(events.Meta{Type: events.TypeVideoViewed, Time: at}, events.VideoViewed{Video: numbered('v', n)}, n == videos-1)
	}
	for n := range likes {
		like := events.VideoLike{Video: numbered('v', n*7919%videos), User: numbered('u', n%max(likes/20, 1))}
		add(events.Meta{Type: events.TypeVideoLiked, Time: at}, like, n == likes-1)
	}
	end()
	<-done
}

// numbered spreads a number over an ID, as random UUIDs are.
func numbered(kind byte, n int) (id [16]byte) {
	h := (uint64(n) + uint64(kind)<<40) * 0x9e3779b97f4a7c15
	h ^= h >> 29
	for i := range 8 {
		id[i], id[8+i] = byte(h>>(56-8*i)), byte(n>>(8*i))
	}
	id[15] = kind
	return id
}

func weigh(b *testing.B, dir string) (bytes int64) {
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return bytes
}
