package readmodel

import (
	"testing"

	"github.com/tidemark-io/tidemark/events"
)

// views folds one batch of views over a table of that many videos, and a few likes.
func views(m *Model, videos int) {
	seq := m.At().Seq + 1
	m.Begin(seq, testStart)
	for i := range 64 {
		m.Step(uint16(i))
		n := (int(seq)*7919 + i*i*31) % videos
		m.AddView(testID('v', n), 0)
		if i%8 == 0 {
			m.SetLike(events.VideoLike{Video: testID('v', n), User: testID('u', n%97)}, When{Time: events.Time(seq)}, seq%3 > 0)
		}
	}
	m.AddViews([]events.View{
		{Video: testID('v', int(seq)*31%videos), Index: 64},
		{Video: testID('v', int(seq)*17%videos), Index: 65},
	})
	m.Publish(0)
}

// TestImageIsOfItsPositionWhileTheFoldGoesOn folds without a pause while images
// are written, and compares each with a model that folded as far and no further.
func TestImageIsOfItsPositionWhileTheFoldGoesOn(t *testing.T) {
	const videos = 3 * 4096
	m, twin := New(testConfig()), New(testConfig())
	for _, x := range []*Model{m, twin} {
		x.Videos.log.size, x.Users.log.size = 512, 8
	}
	kept := newMemory(t.TempDir())
	for version := uint64(1); version <= 25; version++ {
		asks, written := make(chan func()), make(chan *memory)
		image := m.Plan(version)
		go func() {
			must(image.Prepare(kept, func(fn func()) error {
				done := make(chan struct{})
				asks <- func() { fn(); close(done) }
				<-done
				return nil
			}))
			frozen := make(chan struct{})
			asks <- func() { m.Freeze(version); close(frozen) }
			<-frozen
			written <- kept.with(image)
		}()
		for next := (*memory)(nil); next == nil; {
			select {
			case ask := <-asks:
				ask()
			case next = <-written:
				kept = next
			default:
				views(m, videos)
			}
		}
		m.Kept(kept)
		for twin.At().Seq < image.At.Seq {
			views(twin, videos)
		}
		if got, want := image.Digest, twin.Digest(); got != want {
			t.Fatalf("version %d: digest of the image %+v, of a model at its position %+v", version, got, want)
		}
		loaded, err := loadChecked(kept.state, kept)
		if err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		if err := sameTables(twin, loaded); err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
	}
	if image := m.At(); image.Seq < 25 {
		t.Errorf("the fold did not go on: %v", image)
	}
}

// TestImageSurvivesAFullDisk lets files fail as on a full disk, before and after
// the freeze: the next try writes what the first could not.
func TestImageSurvivesAFullDisk(t *testing.T) {
	m := small(New(testConfig()))
	kept := newMemory(t.TempDir())
	views(m, 500)
	kept = kept.save(m)
	views(m, 500)
	kept.full = true
	direct := func(fn func()) error { fn(); return nil }
	if err := m.Plan(2).Prepare(kept, direct); err == nil {
		t.Fatal("stripes were written to a full disk")
	}
	kept.full = false
	image := m.Plan(3)
	must(image.Prepare(kept, direct))
	views(m, 500)
	m.Freeze(3)
	want := m.At()
	image.videos.file, image.users.file = nil, nil // as if the disk had filled up meanwhile
	kept.full = true
	for range 2 {
		views(m, 500)
		if err := image.Write(kept); err == nil {
			t.Fatal("deltas were written to a full disk")
		}
	}
	kept.full = false
	kept = kept.with(image)
	m.Kept(kept)
	loaded, err := loadChecked(kept.state, kept)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.At() != want || loaded.Digest() != image.Digest {
		t.Errorf("loaded %v, frozen at %v", loaded.At(), want)
	}
	kept = kept.save(m)
	if loaded, err = loadChecked(kept.state, kept); err != nil {
		t.Fatal(err)
	}
	if err := sameTables(m, loaded); err != nil {
		t.Error(err)
	}
}
