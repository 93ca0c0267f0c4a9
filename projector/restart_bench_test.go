package projector

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// BenchmarkRestore folds a view of each of many videos, and likes, with a
// checkpoint after every half million events, and then loads the read model
// again and again. It reports how long it takes to open Badger and to load the
// tables, the longest that the fold had to stand still for a checkpoint, and what
// the checkpoint takes on disk. Views are of one minute where trending is said to
// hold them, and too old for it otherwise.
//
//	go test ./projector -run '^$' -bench Restore/videos=10000000 -benchtime 5x
func BenchmarkRestore(b *testing.B) {
	for _, size := range []struct {
		videos, likes int
		trending      bool
	}{{1e6, 0, false}, {1e6, 1e6, false}, {1e7, 0, false}, {1e7, 0, true}, {1e7, 1e7, false}} {
		b.Run(fmt.Sprintf("videos=%d/likes=%d/trending=%t", size.videos, size.likes, size.trending), func(b *testing.B) {
			dir := b.TempDir()
			r := &restorable{b: b, e: &edition{cfg: &Config{Now: time.Now}, model: readmodel.New(testModelConfig())}}
			if size.trending {
				r.viewed = events.TimeOf(testTime)
			}
			r.fill(dir, size.videos, size.likes)
			state := r.state
			r.e = nil
			var opening, loading time.Duration
			b.ResetTimer()
			for range b.N {
				begun := time.Now()
				store, err := checkpoint.Open(dir, checkpoint.Options{})
				if err != nil {
					b.Fatal(err)
				}
				opened := time.Now()
				if _, err = readmodel.Load(testModelConfig(), state, store.View()); err != nil {
					b.Fatal(err)
				}
				opening, loading = opening+opened.Sub(begun), loading+time.Since(opened)
				if err := store.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(opening.Seconds()/float64(b.N), "s-open")
			b.ReportMetric(loading.Seconds()/float64(b.N), "s-load")
			b.ReportMetric(r.pause.Seconds()*1e3, "ms-longest-pause")
			b.ReportMetric(r.weight(dir)/float64(size.videos), "disk-bytes/video")
		})
	}
}

// restorable makes a read model that is worth restoring.
type restorable struct {
	b      *testing.B
	e      *edition
	viewed events.Time
	pause  time.Duration
	state  []byte
	count  int
}

func (r *restorable) fill(dir string, videos, likes int) {
	var err error
	if r.e.store, err = checkpoint.Open(dir, checkpoint.Options{}); err != nil {
		r.b.Fatal(err)
	}
	for n := range videos {
		r.step()
		r.e.model.AddView(spread('v', n), r.viewed)
	}
	for n := range likes {
		r.step()
		like := events.VideoLike{Video: spread('v', n*7919%videos), User: spread('u', n%(likes/20))}
		r.e.model.SetLike(like, readmodel.When{Time: 5}, true)
	}
	r.e.model.Publish(0)
	r.save()
	if err := r.e.store.Close(); err != nil {
		r.b.Fatal(err)
	}
}

// step moves on to the next event, in record batches of 500.
func (r *restorable) step() {
	m := r.e.model
	if r.count%500 == 0 {
		if r.count > 0 {
			m.Publish(0)
		}
		if r.count > 0 && r.count%500_000 == 0 {
			r.save()
		}
		m.Begin(uint64(r.count/500+1), testTime)
	}
	m.Step(uint16(r.count % 500))
	r.count++
}

// save writes a checkpoint and measures what the fold is asked to run for it.
func (r *restorable) save() {
	f, view, err := r.e.save(frozen{}, func(fn func()) error {
		begun := time.Now()
		fn()
		r.pause = max(r.pause, time.Since(begun))
		return nil
	})
	if err != nil {
		r.b.Fatal(err)
	}
	r.e.model.Kept(view)
	r.e.store.CollectGarbage()
	r.state = f.image.State
}

func (r *restorable) weight(dir string) (bytes float64) {
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			bytes += float64(info.Size())
		}
		return err
	})
	if err != nil {
		r.b.Fatal(err)
	}
	return bytes
}

// spread makes an ID of a number, as evenly spread as random ones.
func spread(kind byte, n int) (id [16]byte) {
	h := (uint64(n) + uint64(kind)<<40) * 0x9e3779b97f4a7c15
	binary.BigEndian.PutUint64(id[:8], h^h>>29)
	binary.BigEndian.PutUint64(id[8:], uint64(n)<<8|uint64(kind))
	return id
}
