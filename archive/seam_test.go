package archive

import (
	"context"
	"errors"
	"testing"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// trimmed is the log, with something that happens between a question for its
// bounds and what follows.
type trimmed struct {
	replay.Source
	between []func()
}

func (s *trimmed) happen() {
	if len(s.between) > 0 {
		now := s.between[0]
		s.between = s.between[1:]
		now()
	}
}

func (s *trimmed) Bounds(ctx context.Context) (first, last uint64, err error) {
	first, last, err = s.Source.Bounds(ctx)
	s.happen()
	return first, last, err
}

func (s *trimmed) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	s.happen()
	return s.Source.Read(ctx, from, to, fn)
}

// TestTheLogIsTrimmedUnderAReader: after it was asked how far it reaches back, and
// before it is read, and when the reader comes to it from the archive.
func TestTheLogIsTrimmedUnderAReader(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	w.commitMany(newTraffic(16), 80)
	w.caughtUp()
	_, end, err := w.log.Bounds(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	trim := func(upTo uint64) func() {
		return func() {
			if err := w.log.Trim(testContext(t), upTo); err != nil {
				t.Error(err)
			}
		}
	}
	nothing := func() {}
	short := lagging{w.archive.Source(), 4} // the archive as it was before it came so far
	for _, c := range []struct {
		what     string
		archived replay.Source
		between  []func()
	}{
		{"before it is read", w.archive.Source(), []func(){trim(1)}},
		{"while the archive is read", &short, []func(){nothing, nothing, func() { trim(end / 2)(); short.last = end }}},
	} {
		log := &trimmed{replay.FromLog(w.log), c.between}
		next := uint64(1)
		err := join(c.archived, log).Read(testContext(t), 1, end, func(m eventlog.Message) error {
			if m.Seq != next {
				t.Fatalf("%s: message %d in place of %d", c.what, m.Seq, next)
			}
			next++
			return nil
		})
		if err != nil || next != end+1 || len(log.between) > 0 {
			t.Errorf("%s: read up to %d of %d, %v; %d things have not happened", c.what, next-1, end, err, len(log.between))
		}
	}
	if first, last, err := join(w.archive.Source(), &trimmed{replay.FromLog(w.log), []func(){trim(end - 1)}}).Bounds(testContext(t)); first != 1 || last != end || err != nil {
		t.Errorf("%d to %d, %v", first, last, err)
	}
	gap := &replay.GapError{}
	err = join(&lagging{w.archive.Source(), 4}, replay.FromLog(w.log)).Read(testContext(t), 1, end, func(eventlog.Message) error { return nil })
	if !errors.As(err, &gap) || gap.Need != 5 {
		t.Errorf("a message that nobody has: %v", err)
	}
	said := errors.New("of the reader")
	if err := w.archive.Whole().Read(testContext(t), 1, end, func(eventlog.Message) error { return said }); err != said {
		t.Errorf("the reader's error comes back as %v", err)
	}
}

// lagging is an archive that has come only to a message.
type lagging struct {
	replay.Source
	last uint64
}

func (s *lagging) Bounds(ctx context.Context) (first, last uint64, err error) {
	first, last, err = s.Source.Bounds(ctx)
	return first, min(last, s.last), err
}
