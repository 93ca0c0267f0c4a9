package command

import (
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
)

// maxTapAge is how far back a client may say that the user tapped.
const maxTapAge = 24 * time.Hour

func (s *Service) likeVideo(c *api.Call) error {
	return s.setLike(c, events.LikeVideo, events.TypeVideoLiked)
}

func (s *Service) unlikeVideo(c *api.Call) error {
	return s.setLike(c, events.UnlikeVideo, events.TypeVideoUnliked)
}

func (s *Service) setLike(c *api.Call, kind events.CommandKind, t events.Type) error {
	video, err := pathID(c, "id")
	if err != nil {
		return err
	}
	at, said, now, err := s.readTap(c)
	if err != nil {
		return err
	}
	d := events.VideoLike{Video: video, User: c.Caller.ID}
	p := plan{kind: kind, at: now, write: func(w *entryWriter) int {
		if said {
			w.addAt(t, min(at, w.now), false, d)
		} else {
			w.add(t, d)
		}
		return 1
	}}
	if t == events.TypeVideoLiked {
		p.check = s.present(video)
	}
	return s.accept(c, p)
}

// readTap reads when the user tapped, if the client says so, and returns the
// moment by which that was judged.
func (s *Service) readTap(c *api.Call) (at events.Time, said bool, now time.Time, err error) {
	now, _, err = s.judgedAt(c)
	if err != nil {
		return 0, false, now, err
	}
	scan, err := readObject(c, func(j *strictjson.Scanner, name string) bool {
		if name != "at" {
			return false
		}
		if j.Null() {
			return true
		}
		t, ok := readTime(j)
		switch {
		case !ok:
		case t.Std().Before(now.Add(-maxTapAge)):
			j.Fail("lies more than 24 hours back")
		case t.Std().After(now.Add(events.MaxAhead)):
			j.Fail("lies more than 5 minutes ahead")
		default:
			at, said = t, true
		}
		return true
	})
	if err != nil {
		return 0, false, now, err
	}
	return at, said, now, finish(c, scan)
}

// readTime reads an RFC 3339 time.
func readTime(j *strictjson.Scanner) (events.Time, bool) {
	text, ok := j.String()
	if !ok {
		return 0, false
	}
	t, ok := events.ParseTime(text)
	if !ok {
		j.Fail("must be a time as RFC 3339 writes it, such as 2026-01-31T12:00:00Z")
	}
	return t, ok
}
