package projector

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

func spread(kind byte, n int) (id [16]byte) {
	h := (uint64(n) + uint64(kind)<<40) * 0x9e3779b97f4a7c15
	binary.BigEndian.PutUint64(id[:8], h^h>>29)
	binary.BigEndian.PutUint64(id[8:], uint64(n)<<8|uint64(kind))
	return id
}

func BenchmarkRestart(b *testing.B) {
	for _, n := range []struct{ videos, likes int }{{1e6, 0}, {1e6, 1e6}, {1e7, 0}, {1e7, 1e7}} {
		b.Run(fmt.Sprintf("videos=%d,likes=%d", n.videos, n.likes), func(b *testing.B) {
			dir := b.TempDir()
			s, err := checkpoint.Open(dir, checkpoint.Options{})
			if err != nil {
				b.Fatal(err)
			}
			m := readmodel.New(testModelConfig())
			version, seq := uint64(0), uint64(0)
			var maxFreeze, writeTime time.Duration
			var state []byte
			save := func() {
				version++
				t := time.Now()
				longest := time.Duration(0)
				image := m.Plan(version)
				if err := image.Prepare(s, func(fn func()) error {
					t := time.Now()
					fn()
					longest = max(longest, time.Since(t))
					return nil
				}); err != nil {
					b.Fatal(err)
				}
				f := time.Now()
				m.Freeze(version)
				longest = max(longest, time.Since(f))
				maxFreeze = max(maxFreeze, longest)
				if err := image.Write(s); err != nil {
					b.Fatal(err)
				}
				view, err := s.Write(context.Background(), version, image.Writes(), image.State)
				if err != nil {
					b.Fatal(err)
				}
				if err := s.KeepFiles(image.Needs); err != nil {
					b.Fatal(err)
				}
				m.Kept(view)
				state = image.State
				s.CollectGarbage()
				writeTime += time.Since(t)
			}
			begun := time.Now()
			step := func(i int) {
				if i%500 == 0 {
					if seq > 0 {
						m.Publish(0)
						if seq%1000 == 0 {
							save()
						}
					}
					seq++
					m.Begin(seq, testTime)
				}
				m.Step(uint16(i % 500))
			}
			for i := range n.videos {
				step(i)
				m.AddView(spread('v', i), 0)
			}
			for i := range n.likes {
				step(i)
				m.SetLike(events.VideoLike{Video: spread('v', i*7919%n.videos), User: spread('u', i%(n.likes/20))}, readmodel.When{Time: 5}, true)
			}
			m.Publish(0)
			save()
			fmt.Printf("filled in %v; longest pause of the fold %v; write %v; %d checkpoints\n", time.Since(begun), maxFreeze, writeTime, version)
			t := time.Now()
			s.Close()
			fmt.Printf("close %v\n", time.Since(t))
			size := int64(0)
			filepath.Walk(dir, func(p string, i os.FileInfo, err error) error { size += i.Size(); return nil })
			fmt.Printf("on disk %.1f MB, %.1f bytes/video\n", float64(size)/1e6, float64(size)/float64(n.videos))
			m = nil
			for range b.N {
				t := time.Now()
				s, err := checkpoint.Open(dir, checkpoint.Options{})
				if err != nil {
					b.Fatal(err)
				}
				t2 := time.Now()
				_, err = readmodel.Load(testModelConfig(), state, s.View())
				if err != nil {
					b.Fatal(err)
				}
				fmt.Printf("open %v, load %v\n", t2.Sub(t), time.Since(t2))
				s.Close()
			}
		})
	}
}
