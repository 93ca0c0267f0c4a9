package projector

import (
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// BenchmarkFoldBesideCheckpoints folds views of a table of many videos as fast as
// it can, in turn without checkpoints and with one for each 64 MiB of changes,
// which is the least distance that the service keeps by size. Videos are drawn
// by Zipf's law, and evenly: then each change costs a slot of its own. It reports
// processor time of the whole process and what is left of the fold's rate.
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
	k := &beside{b: b, saver: &edition{
		store: store, model: readmodel.New(testModelConfig()),
		cfg: &Config{Now: time.Now, Logger: slog.New(slog.DiscardHandler)}, stats: new(stats),
	}}
	for n := range videos {
		k.step(n)
	}
	k.save()
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.07, 1, videos-1)
	for name, draw := range map[string]func() int{
		"zipf":   func() int { return int(zipf.Uint64() * 7919 % videos) },
		"evenly": func() int { return random.IntN(videos) },
	} {
		b.Run(name, func(b *testing.B) {
			k.drawn = make([]int, lapEvents)
			for i := range k.drawn {
				k.drawn[i] = draw()
			}
			k.save()
			var without, with lap
			for range b.N {
				k.run(false, &without)
				k.run(true, &with)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(without.processor)/float64(without.events), "cpu-ns/event-without")
			b.ReportMetric(float64(with.processor)/float64(with.events), "cpu-ns/event-with")
			b.ReportMetric(without.took.Seconds()/with.took.Seconds(), "of-rate")
			b.ReportMetric(float64(with.checkpoints)/float64(b.N), "checkpoints/lap")
			b.ReportMetric(with.pause.Seconds()*1e3, "ms-longest-pause")
		})
	}
}

// beside is a fold whose checkpoints are written beside it.
type beside struct {
	b     *testing.B
	saver *edition
	drawn []int // videos of a lap
	seq   uint64
	count int
}

// lapEvents is how many views are folded in turn without and with checkpoints.
const lapEvents = 8_000_000

// lap is what laps cost.
type lap struct {
	events, checkpoints    int
	took, processor, pause time.Duration
}

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

// run folds a lap. A checkpoint that was begun in it is waited for.
func (k *beside) run(checkpoints bool, l *lap) {
	asks, done := make(chan func()), make(chan saved, 1)
	begun, spent := time.Now(), processorTime(k.b)
	writing := false
	for n, video := range k.drawn {
		k.step(video)
		if n%500 != 499 {
			continue
		}
		if checkpoints && !writing && k.saver.model.DirtyBytes() > 64<<20 {
			writing = true
			go k.write(asks, done)
		}
		select {
		case fn := <-asks:
			k.between(fn, l)
		case r := <-done:
			k.finish(r, l)
			writing = false
		default:
		}
	}
	for writing {
		select {
		case fn := <-asks:
			k.between(fn, l)
		case r := <-done:
			k.finish(r, l)
			writing = false
		}
	}
	l.took += time.Since(begun)
	l.processor += processorTime(k.b) - spent
	l.events += len(k.drawn)
}

func (k *beside) write(asks chan func(), done chan saved) {
	f, view, err := k.saver.save(frozen{}, func(fn func()) error {
		ran := make(chan struct{})
		asks <- func() { fn(); close(ran) }
		<-ran
		return nil
	})
	done <- saved{frozen: f, view: view, err: err}
}

// between runs a function between two record batches.
func (k *beside) between(fn func(), l *lap) {
	begun := time.Now()
	k.saver.model.Publish(0)
	fn()
	k.saver.model.Begin(k.seq, testTime)
	if l != nil {
		l.pause = max(l.pause, time.Since(begun))
	}
}

func (k *beside) finish(r saved, l *lap) {
	if r.err != nil {
		k.b.Fatal(r.err)
	}
	k.between(func() { k.saver.kept(r.image, r.view) }, l)
	l.checkpoints++
}
