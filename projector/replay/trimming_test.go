package replay_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// trimming is a log that is trimmed far ahead of who reads it: behind the message
// that it has got to, of those that were not sent to it yet.
type trimming struct {
	replay.Source
	log  *eventlog.Log
	at   uint64
	upTo uint64
}

func (s *trimming) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	return s.Source.Read(ctx, from, to, func(m eventlog.Message) error {
		if m.Seq == s.at && s.upTo > 0 {
			if err := s.log.Trim(ctx, s.upTo); err != nil {
				return err
			}
		}
		return fn(m)
	})
}

// A log that is trimmed while it is read gives an answer, of all that was there when
// it began, or ErrGap; never one of a part.
func TestLogsThatAreTrimmedWhileTheyAreRead(t *testing.T) {
	ids := []events.VideoID{numbered[events.VideoID]('v', 1)}
	for name, look := range map[string]func(*service, replay.Options, *replay.CountsAt) error{
		"at": func(s *service, o replay.Options, want *replay.CountsAt) error {
			got, err := replay.At(testContext(t), s.source, replay.Point{}, ids, o)
			if err == nil && got.Videos[0] != want.Videos[0] {
				t.Errorf("at: %+v, want %+v", got.Videos, want.Videos)
			}
			return err
		},
		"export": func(s *service, _ replay.Options, want *replay.CountsAt) error {
			dir := t.TempDir()
			_, err := replay.Export(testContext(t), s.source, dir, replay.ExportOptions{Format: replay.FormatMessages, PartBytes: 16 << 10})
			if _, opened := replay.OpenExport(dir); (err == nil) != (opened == nil) {
				t.Errorf("export: %v, opened: %v", err, opened)
			}
			return err
		},
		"verify": func(s *service, _ replay.Options, _ *replay.CountsAt) error {
			ended := s.run(s.runs.StartVerify(testContext(t), replay.VerifyOptions{}))
			return ended.Err()
		},
		"rebuild": func(s *service, _ replay.Options, _ *replay.CountsAt) error {
			ended := s.run(s.runs.StartRebuild(testContext(t), replay.RebuildOptions{Order: replay.Order{Reason: "r"}}))
			return ended.Err()
		},
	} {
		s := newService(t)
		s.say(150)
		last := s.end()
		o := replay.Options{Model: s.p.ModelConfig()}
		want, err := replay.At(testContext(t), s.source, replay.Point{}, ids, o)
		if err != nil {
			t.Fatal(err)
		}
		s.stop()
		s.source = &trimming{Source: s.source, log: s.log, at: 2, upTo: last - 10}
		s.start()
		switch err := look(s, o, want); {
		case err == nil:
			t.Logf("%s: all was on its way", name)
		case !errors.Is(err, replay.ErrGap):
			t.Errorf("%s: %v", name, err)
		default:
			t.Logf("%s: %v", name, err)
		}
		s.say(1)
		s.end()
		s.stop()
	}
}

// A rebuild that was overtaken by the end of the log is begun anew, with a snapshot.
func TestRebuildBehindATrimmedLogIsBegunAnew(t *testing.T) {
	s := newService(t, func(s *service) { s.snapshots = 2 })
	s.say(200)
	info := s.snapshot()
	log := s.source
	s.stop()
	s.source = &trimming{Source: log, log: s.log, at: 2, upTo: info.Seq - 10}
	s.start()
	if ended := s.run(s.runs.StartRebuild(testContext(t), replay.RebuildOptions{})); !errors.Is(ended.Err(), replay.ErrGap) {
		t.Fatalf("%s: %v", ended.State, ended.Err())
	}
	s.say(1)
	s.end()
	if r := s.rebuild(replay.RebuildOptions{}); !r.Switched || !r.Equal || r.Base == nil || r.Base.Snapshot != info.Seq {
		t.Errorf("%+v began with %+v", r, r.Base)
	}
}
