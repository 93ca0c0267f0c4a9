package command

import (
	"context"
	"strconv"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/api/idlist"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// adminWords is what the four batch commands of administrators differ in.
type adminWords struct {
	kind    events.CommandKind
	member  string // the list of IDs in the body
	counted string // the count in the answer
	done    string
	already string
	retract bool // the body may say retract
	// event appends the event for one target.
	event func(w *entryWriter, admin events.UserID, b *adminBatch, target [16]byte)
	// foresee returns what the event would do now. Fold only.
	foresee func(m *readmodel.Model, b *adminBatch, target [16]byte) readmodel.Effect
}

// updatedWord is the result where a block stood with another retract.
const updatedWord = "updated"

func visibility(t events.Type) func(*entryWriter, events.UserID, *adminBatch, [16]byte) {
	return func(w *entryWriter, admin events.UserID, _ *adminBatch, target [16]byte) {
		w.add(t, events.VideoVisibility{Video: target, Admin: admin})
	}
}

func account(t events.Type) func(*entryWriter, events.UserID, *adminBatch, [16]byte) {
	return func(w *entryWriter, admin events.UserID, b *adminBatch, target [16]byte) {
		w.add(t, events.AccountBlock{User: target, Admin: admin, Retract: b.retract})
	}
}

// effectIf is Applied or None.
func effectIf(changes bool) readmodel.Effect {
	if changes {
		return readmodel.Applied
	}
	return readmodel.None
}

func (s *Service) deleteVideos(c *api.Call) error {
	return s.adminBatch(c, &adminWords{
		kind: events.DeleteVideos, member: "video_ids", counted: "deleted_count", done: "deleted", already: "already_deleted",
		event: visibility(events.TypeVideoDeleted),
		foresee: func(m *readmodel.Model, _ *adminBatch, target [16]byte) readmodel.Effect {
			return effectIf(!m.Deleted(target))
		},
	})
}

func (s *Service) restoreVideos(c *api.Call) error {
	return s.adminBatch(c, &adminWords{
		kind: events.RestoreVideos, member: "video_ids", counted: "restored_count", done: "restored", already: "not_deleted",
		event: visibility(events.TypeVideoRestored),
		foresee: func(m *readmodel.Model, _ *adminBatch, target [16]byte) readmodel.Effect {
			return effectIf(m.Deleted(target))
		},
	})
}

func (s *Service) blockAccounts(c *api.Call) error {
	return s.adminBatch(c, &adminWords{
		kind: events.BlockAccounts, member: "user_ids", counted: "blocked_count", done: "blocked", already: "already_blocked", retract: true,
		event: account(events.TypeAccountBlocked),
		foresee: func(m *readmodel.Model, b *adminBatch, target [16]byte) readmodel.Effect {
			switch {
			case !m.Users.Blocked(target):
				return readmodel.Applied
			case m.Users.Retracted(target) != b.retract:
				return readmodel.Updated
			}
			return readmodel.None
		},
	})
}

func (s *Service) unblockAccounts(c *api.Call) error {
	return s.adminBatch(c, &adminWords{
		kind: events.UnblockAccounts, member: "user_ids", counted: "unblocked_count", done: "unblocked", already: "not_blocked", retract: true,
		event: account(events.TypeAccountUnblocked),
		foresee: func(m *readmodel.Model, _ *adminBatch, target [16]byte) readmodel.Effect {
			return effectIf(m.Users.Blocked(target))
		},
	})
}

// adminBatch carries out one of them, all of the batch or none of it, or says
// what it would do.
func (s *Service) adminBatch(c *api.Call, words *adminWords) error {
	b, err := s.readAdminBatch(c, words.member, words.retract)
	if err != nil {
		return err
	}
	if b.dryRun {
		return s.dryRun(c, words, &b)
	}
	v, err := s.run(c, plan{
		kind: words.kind, judged: true, privileged: true, reason: b.reason,
		write: func(w *entryWriter) int {
			for _, target := range b.list.IDs {
				words.event(w, c.Caller.ID, &b, target)
			}
			return len(b.list.IDs)
		},
	})
	if err != nil {
		return err
	}
	c.Out = words.answer(c.Out, &b.list, v.outcome.Count(readmodel.Applied), v.effect)
	return closeBatch(c, &v)
}

func (words *adminWords) answer(dst []byte, list *idlist.List[[16]byte], count int, effect func(int) readmodel.Effect) []byte {
	return list.AppendResults(appendCounted(dst, words.counted, count), func(id int) string {
		switch effect(id) {
		case readmodel.Applied:
			return words.done
		case readmodel.Updated:
			return updatedWord
		}
		return words.already
	})
}

// dryRun answers as the command would now, and changes nothing.
func (s *Service) dryRun(c *api.Call, words *adminWords, b *adminBatch) error {
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	if err := s.settle(c.Context(), s.acked.Load()); err != nil {
		return err
	}
	if err := s.admit(c, &plan{}); err != nil {
		return err
	}
	effects := make([]readmodel.Effect, len(b.list.IDs))
	count := 0
	var would readmodel.Contributions
	ctx, cancel := context.WithTimeout(c.Context(), s.cfg.WaitLimit)
	defer cancel()
	err := s.cfg.Fold.Inspect(ctx, func(m *readmodel.Model) {
		users := make([]events.UserID, 0, len(b.list.IDs))
		for i, target := range b.list.IDs {
			if effects[i] = words.foresee(m, b, target); effects[i] == readmodel.Applied {
				count++
			}
			users = append(users, target)
		}
		if b.retract && words.kind == events.BlockAccounts {
			would = m.Retractable(users)
		}
	})
	if err != nil {
		return api.StaleReadModel.Because(err)
	}
	c.Out = words.answer(c.Out, &b.list, count, func(i int) readmodel.Effect { return effects[i] })
	c.Out = append(c.Out, `,"dry_run":true`...)
	if b.retract && words.kind == events.BlockAccounts {
		c.Out = appendContributions(c.Out, &would)
	}
	c.Out = append(c.Out, '}')
	return c.Answer(c.Out)
}

func appendContributions(dst []byte, would *readmodel.Contributions) []byte {
	dst = append(dst, `,"would_retract":{`...)
	for i, name := range [...]string{`"likes":`, `,"comments":`, `,"remixes":`, `,"glitches":`} {
		dst = strconv.AppendInt(append(dst, name...), would.Counts[int(events.Likes)+i], 10)
	}
	dst = strconv.AppendInt(append(dst, `,"videos":`...), int64(would.Videos), 10)
	return append(dst, '}')
}
