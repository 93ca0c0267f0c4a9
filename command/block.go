package command

import (
	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/api/idlist"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

func (s *Service) blockUsers(c *api.Call) error {
	return s.setBlocks(c, blockWords{
		kind: events.BlockUsers, event: events.TypeUserBlocked,
		counted: "blocked_count", done: "blocked", already: "already_blocked", self: "self",
	})
}

func (s *Service) unblockUsers(c *api.Call) error {
	return s.setBlocks(c, blockWords{
		kind: events.UnblockUsers, event: events.TypeUserUnblocked,
		counted: "unblocked_count", done: "unblocked", already: "not_blocked", self: "not_blocked",
	})
}

// blockWords is what blocking and unblocking differ in.
type blockWords struct {
	kind                         events.CommandKind
	event                        events.Type
	counted, done, already, self string
}

func (s *Service) setBlocks(c *api.Call, words blockWords) error {
	var list idlist.List[events.UserID]
	has := false
	scan, err := readObject(c, func(j *strictjson.Scanner, name string) bool {
		if name != "user_ids" {
			return false
		}
		has = true
		list.ScanSome(j, s.cfg.MaxBatch)
		return true
	})
	if err != nil {
		return err
	}
	if !has {
		scan.Missing("user_ids")
	}
	if err := finish(c, scan); err != nil {
		return err
	}
	// Nobody blocks themselves: no event says so, and the effects of the others
	// stand in the order of the events.
	effectOf := make([]int, len(list.IDs))
	n := 0
	for i, id := range list.IDs {
		if effectOf[i] = -1; id != c.Caller.ID {
			effectOf[i] = n
			n++
		}
	}
	v, err := s.run(c, plan{kind: words.kind, judged: true, write: func(w *entryWriter) int {
		for i, id := range list.IDs {
			if effectOf[i] >= 0 {
				w.add(words.event, events.UserBlock{User: c.Caller.ID, Blocked: id})
			}
		}
		return n
	}})
	if err != nil {
		return err
	}
	c.Out = appendCounted(c.Out, words.counted, v.outcome.Count(readmodel.Applied))
	c.Out = list.AppendResults(c.Out, func(id int) string {
		switch at := effectOf[id]; {
		case at < 0:
			return words.self
		case v.effect(at) == readmodel.Applied:
			return words.done
		}
		return words.already
	})
	return closeBatch(c, &v)
}

// effect is what the command's i-th event did; None while it is pending.
func (v *verdict) effect(i int) readmodel.Effect {
	if i >= len(v.outcome.Effects) {
		return readmodel.None
	}
	return v.outcome.Effects[i]
}
