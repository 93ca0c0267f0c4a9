package query

import (
	"errors"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// exportPause is how long an export may rest between two pages and be one export.
const exportPause = time.Minute

// exports are the exports under way: who reads the log page by page, and when they got
// the last one.
type exports struct {
	mu   sync.Mutex
	last map[events.UserID]time.Time
}

// goesOn reports whether a page at that moment belongs to an export under way.
func (e *exports) goesOn(by events.UserID, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	maps.DeleteFunc(e.last, func(_ events.UserID, last time.Time) bool { return now.Sub(last) > exportPause })
	_, under := e.last[by]
	if under {
		e.last[by] = now
	}
	return under
}

func (e *exports) began(by events.UserID, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last == nil {
		e.last = map[events.UserID]time.Time{}
	}
	e.last[by] = now
}

// auditExport writes down that the caller exports, before the first page is shown: one
// entry an export.
func (s *Service) auditExport(c *api.Call, from, to uint64) error {
	by, now := c.Caller.ID, s.now()
	if s.replay.Audit == nil || s.exports.goesOn(by, now) {
		return nil
	}
	asked := struct {
		From uint64 `json:"from"`
		To   uint64 `json:"to,omitempty"`
	}{From: from}
	if to < events.MaxSequence {
		asked.To = to
	}
	order := replay.Order{Actor: by.String()}.Asking(asked)
	if _, err := s.replay.Audit(c.Context(), replay.Action{Order: order, Kind: replay.KindExport}); err != nil {
		return api.LogUnavailable.Because(err)
	}
	s.exports.began(by, now)
	return nil
}

// getExport answers GET /v1/admin/replay/export?from=n&to=n: the next messages
// of the log, byte for byte, as many as fit a page.
func (s *Service) getExport(c *api.Call) error {
	var values [2]param
	if err := readParams(c, values[:], "from", "to"); err != nil {
		return err
	}
	from, to := uint64(1), replay.Follow
	for i, into := range []*uint64{&from, &to} {
		if !values[i].given {
			continue
		}
		n, err := strconv.ParseUint(values[i].text, 10, 50)
		if err != nil {
			return badParam([]string{"from", "to"}[i], "must be a sequence of the log, such as 1")
		}
		*into = n
	}
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	page, err := replay.ReadPage(c.Context(), s.replay.Source, from, to)
	if errors.Is(err, replay.ErrGap) {
		return api.NotFound.With("The log does not hold that message any more: " + err.Error() + ".")
	}
	if errors.Is(err, eventlog.ErrMessageUnreadable) {
		return api.Conflict.With("The log cannot be read there: " + err.Error() + ".")
	}
	if err == nil && len(page.Messages) > 0 {
		err = s.auditExport(c, from, to)
	}
	if err != nil {
		return err
	}
	c.SetPosition(s.source.Snapshot().TokenHeader())
	return answerDocument(c, page)
}
