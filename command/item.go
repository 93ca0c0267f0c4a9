package command

import (
	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// itemNoun is one of the three things that belong to a video and are counted
// by their IDs.
type itemNoun struct {
	plural  string
	counter events.Counter
	created events.Type
	deleted events.Type
}

var itemNouns = [...]itemNoun{
	{"comments", events.Comments, events.TypeCommentCreated, events.TypeCommentDeleted},
	{"remixes", events.Remixes, events.TypeRemixCreated, events.TypeRemixDeleted},
	{"glitches", events.Glitches, events.TypeGlitchCreated, events.TypeGlitchDeleted},
}

var (
	errItemTaken   = api.Conflict.With("The ID belongs to another author.")
	errItemUnknown = api.NotFound.With("Nothing with this ID was ever seen at this video.")
	errNotAuthor   = api.Forbidden.With("Only its author, a service or an administrator may delete it.")
)

func readItemPath(c *api.Call) (d events.VideoItem, err error) {
	if d.Video, err = pathID(c, "id"); err != nil {
		return d, err
	}
	d.Item, err = pathID(c, "item")
	return d, err
}

// createItem counts a comment, remix or glitch once, for its first author.
func (s *Service) createItem(noun itemNoun) func(*api.Call) error {
	return func(c *api.Call) error {
		d, err := readItemPath(c)
		if err != nil {
			return err
		}
		named := false
		scan, err := readObject(c, func(j *strictjson.Scanner, name string) bool {
			if name != "author_id" {
				return false
			}
			d.Author, named = readOptionalID(j)
			return true
		})
		if err != nil {
			return err
		}
		if err := finish(c, scan); err != nil {
			return err
		}
		if err := actAs(c, &d.Author, named, "author_id"); err != nil {
			return err
		}
		if !named {
			d.Author = c.Caller.ID
		}
		return s.putItem(c, noun, d)
	}
}

func (s *Service) putItem(c *api.Call, noun itemNoun, d events.VideoItem) error {
	item := readmodel.Item{Video: d.Video, Kind: noun.counter, ID: d.Item}
	v, err := s.run(c, plan{
		kind: events.CreateItem, judged: true, privileged: c.Caller.Has(api.RoleService),
		check: func(state *readmodel.Snapshot) error {
			if err := s.present(d.Video)(state); err != nil {
				return err
			}
			old, err := state.Item(item)
			if err == nil && !old.Author.IsZero() && old.Author != d.Author {
				return errItemTaken
			}
			return err
		},
		write: func(w *entryWriter) int { w.add(noun.created, d); return 1 },
	})
	if err != nil {
		return err
	}
	if v.outcome.Count(readmodel.Conflict) > 0 {
		return errItemTaken
	}
	return c.Accepted(v.token)
}

// deleteItem takes a comment, remix or glitch out of the counters, for good.
func (s *Service) deleteItem(noun itemNoun) func(*api.Call) error {
	return func(c *api.Call) error {
		d, err := readItemPath(c)
		if err != nil {
			return err
		}
		if err := noMembers(c); err != nil {
			return err
		}
		item := readmodel.Item{Video: d.Video, Kind: noun.counter, ID: d.Item}
		privileged := c.Caller.Has(api.RoleService) || c.Caller.Has(api.RoleAdmin)
		v, err := s.run(c, plan{
			kind: events.DeleteItem, judged: true, privileged: privileged,
			check: func(state *readmodel.Snapshot) error {
				item, err := state.Item(item)
				switch {
				case err != nil:
					return err
				case !item.Created && !item.Deleted:
					return errItemUnknown
				case !privileged && item.Author != c.Caller.ID:
					return errNotAuthor
				}
				return nil
			},
			write: func(w *entryWriter) int { w.add(noun.deleted, d); return 1 },
		})
		switch {
		case err != nil:
			return err
		case v.outcome.Count(readmodel.NotFound) > 0:
			return errItemUnknown
		case v.outcome.Count(readmodel.Forbidden) > 0:
			return errNotAuthor
		}
		return c.Accepted(v.token)
	}
}
