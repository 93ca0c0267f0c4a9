package projector

import (
	"fmt"
	"runtime/debug"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// BenchmarkFoldBesideCheckpoints changes videos drawn at random from a table of
// many, at a steady rate of record batches, without checkpoints and with one
// after the other, in turn in one run. It reports what a batch of 500 views
// costs the fold, what a checkpoint costs, and the longest that the fold had to
// wait for one.
//
//	go test ./projector -run '^$' -bench BesideCheckpoints -benchtime 4x
func BenchmarkFoldBesideCheckpoints(b *testing.B) {
	const videos = 10_000_000
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	store, err := checkpoint.Open(b.TempDir(), checkpoint.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	k := &beside{b: b, videos: videos, saver: &Projector{store: store, model: readmodel.New(testModelConfig())}}
	for n := range videos {
		k.step(n)
	}
	k.save()
	for _, rate := range []int{200_000, 1_000_000} { // events a second
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			var without, with lap
			for range b.N {
				k.run(rate, false, &without)
				k.run(rate, true, &with)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(without.folding)/float64(without.events), "ns/event-without")
			b.ReportMetric(float64(with.folding)/float64(with.events), "ns/event-with")
			b.ReportMetric(with.pause.Seconds()*1e3, "ms-longest-pause")
			b.ReportMetric(float64(with.changed)/max(1, float64(with.checkpoints)), "videos/checkpoint")
			b.ReportMetric(with.writing.Seconds()/max(1, float64(with.checkpoints)), "s/checkpoint")
		})
	}
}

// beside is a fold whose checkpoints are written beside it.
type beside struct {
	b      *testing.B
	videos int
	saver  *Projector
	seq    uint64
	count  int
	random uint64
}

// lap is what some seconds of folding cost.
type lap struct {
	events, checkpoints, changed int
	folding, pause, writing      time.Duration
}

const lapTime = 3 * time.Second

func (k *beside) step(video int) {
	m := k.saver.model
	if k.count%500 == 0 {
		if k.seq > 0 {
			m.Publish(0)
		}
		k.seq++
		m.Begin(k.seq, testTime)
	}
	m.Step(uint16(k.count % 500))
	m.AddView(events.VideoID(pooled('v', video)), 0)
	k.count++
}

// save ends the batch and writes a checkpoint where no fold runs.
func (k *beside) save() {
	k.saver.model.Publish(0)
	if err := k.saver.saveNow(frozen{}); err != nil {
		k.b.Fatal(err)
	}
	k.seq++
	k.saver.model.Begin(k.seq, testTime)
}

// run folds at that rate for a lap, with a checkpoint in the middle of it.
func (k *beside) run(rate int, checkpoints bool, l *lap) {
	asks, done := make(chan func()), make(chan saved, 1)
	begun := time.Now()
	writing := false
	for n := 0; time.Since(begun) < lapTime || writing; n++ {
		t := time.Now()
		for range 500 {
			k.random = k.random*6364136223846793005 + 1442695040888963407
			k.step(int(k.random >> 33 % uint64(k.videos)))
		}
		l.folding += time.Since(t)
		l.events += 500
		if checkpoints && !writing && n == rate/1000 {
			writing = true
			l.changed += k.saver.model.DirtyBytes() / 68
			go func() {
				t := time.Now()
				f, view, err := k.saver.save(frozen{}, func(fn func()) error {
					ran := make(chan struct{})
					asks <- func() { fn(); close(ran) }
					<-ran
					return nil
				})
				done <- saved{f, view, time.Since(t), err}
			}()
		}
		for ahead := true; ahead; ahead = time.Since(begun) < time.Duration(n)*time.Second*500/time.Duration(rate) {
			writing = k.serve(asks, done, writing, l)
		}
	}
}

// serve does what the checkpoint's writer asks for, between two batches.
func (k *beside) serve(asks chan func(), done chan saved, writing bool, l *lap) bool {
	t := time.Now()
	select {
	case fn := <-asks:
		k.saver.model.Publish(0)
		fn()
		k.saver.model.Begin(k.seq, testTime)
		l.pause = max(l.pause, time.Since(t))
	case r := <-done:
		if r.err != nil {
			k.b.Fatal(r.err)
		}
		k.saver.model.Publish(0)
		k.saver.kept(r.image, r.view)
		k.saver.model.Begin(k.seq, testTime)
		l.checkpoints++
		l.writing += r.took
		return false
	case <-time.After(50 * time.Microsecond):
	}
	return writing
}
