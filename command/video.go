package command

import (
	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// publishVideo makes a video known, with zero counts.
func (s *Service) publishVideo(c *api.Call) error {
	var d events.VideoPublished
	var hasVideo, hasAuthor bool
	scan, err := readObject(c, func(j *strictjson.Scanner, name string) bool {
		switch name {
		case "video_id":
			hasVideo = true
			d.Video, _ = readID(j)
		case "author_id":
			d.Author, hasAuthor = readOptionalID(j)
		default:
			return false
		}
		return true
	})
	if err != nil {
		return err
	}
	if !hasVideo {
		scan.Missing("video_id")
	}
	if err := finish(c, scan); err != nil {
		return err
	}
	if err := actAs(c, &d.Author, hasAuthor, "author_id"); err != nil {
		return err
	}
	v, err := s.run(c, plan{
		kind: events.PublishVideo, judged: true, privileged: c.Caller.Has(api.RoleService),
		check: func(state *readmodel.Snapshot) error {
			author, known, err := state.Author(d.Video)
			if err == nil && known && !d.Author.IsZero() && author != d.Author {
				return errVideoTaken
			}
			return err
		},
		write: func(w *entryWriter) int { w.add(events.TypeVideoPublished, d); return 1 },
	})
	if err != nil {
		return err
	}
	if v.outcome.Count(readmodel.Conflict) > 0 {
		return errVideoTaken
	}
	return c.Accepted(v.token)
}

var errVideoTaken = api.Conflict.With("The video was published by another author.")

// actAs settles on whose behalf a command acts: a service may name somebody,
// anybody else is themselves. A service that names nobody acts for nobody.
func actAs(c *api.Call, who *events.UserID, named bool, member string) error {
	if c.Caller.Has(api.RoleService) {
		return nil
	}
	if named && *who != c.Caller.ID {
		return api.Forbidden.With("Only a service may name another user as " + member + ".")
	}
	*who = c.Caller.ID
	return nil
}

// present refuses what a deleted video no longer takes.
func (s *Service) present(video events.VideoID) func(*readmodel.Snapshot) error {
	return func(*readmodel.Snapshot) error {
		if s.cfg.Fold.Model().Deleted(video) {
			return api.Gone
		}
		return nil
	}
}

// recordView counts a view.
func (s *Service) recordView(c *api.Call) error {
	video, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := noMembers(c); err != nil {
		return err
	}
	d := events.VideoViewed{Video: video, User: c.Caller.ID}
	return s.accept(c, plan{
		kind: events.RecordView, check: s.present(video),
		write: func(w *entryWriter) int { w.add(events.TypeVideoViewed, d); return 1 },
	})
}
