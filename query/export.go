package query

import (
	"context"
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

// exports are the exports under way: the pages that are to be asked for next, and when
// the one before was.
type exports struct {
	mu    sync.Mutex
	await map[exportPage]time.Time
}

// exportPage is a page of an export: who asks for it, and for which messages.
type exportPage struct {
	by       events.UserID
	from, to uint64
}

// goesOn reports whether a page at that moment belongs to an export under way.
func (e *exports) goesOn(page exportPage, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	maps.DeleteFunc(e.await, func(_ exportPage, last time.Time) bool { return now.Sub(last) > exportPause })
	_, under := e.await[page]
	delete(e.await, page)
	return under
}

// goOn has the export go on with a page.
func (e *exports) goOn(page exportPage, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.await == nil {
		e.await = map[exportPage]time.Time{}
	}
	e.await[page] = now
}

// auditExport writes down that the caller exports, before a page that ends with last is
// shown: one entry an export, which goes on where the page before ended.
func (s *Service) auditExport(c *api.Call, from, to, last uint64) error {
	if s.replay.Audit == nil {
		return nil
	}
	by, now := c.Caller.ID, s.now()
	if !s.exports.goesOn(exportPage{by, from, to}, now) {
		if err := s.auditExportBegins(c, from, to); err != nil {
			return err
		}
	}
	s.exports.goOn(exportPage{by, last + 1, to}, now)
	return nil
}

func (s *Service) auditExportBegins(c *api.Call, from, to uint64) error {
	asked := struct {
		From uint64 `json:"from"`
		To   uint64 `json:"to,omitempty"`
	}{From: from}
	if to < events.MaxSequence {
		asked.To = to
	}
	order := replay.Order{Actor: c.Caller.ID.String()}.Asking(asked)
	if _, err := s.replay.Audit(c.Context(), replay.Action{Order: order, Kind: replay.KindExport}); err != nil {
		return api.LogUnavailable.Because(err)
	}
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
	if err != nil {
		return unreadLog(err)
	}
	if n := len(page.Messages); n > 0 {
		if err := s.auditExport(c, from, to, page.Messages[n-1].Seq); err != nil {
			return err
		}
	}
	c.SetPosition(s.source.Snapshot().TokenHeader())
	return answerDocument(c, page)
}

// getPoint answers GET /v1/admin/replay/point?at=t: which message a time stands for. It
// tells nothing of what the log holds, and so stands in no audit.
func (s *Service) getPoint(c *api.Call) error {
	var values [1]param
	if err := readParams(c, values[:], "at"); err != nil {
		return err
	}
	if !values[0].given {
		return badParam("at", "is missing: it is the time, or the position, to be looked for")
	}
	point, err := replay.ParsePoint(values[0].text)
	if err != nil {
		return badParam("at", err.Error())
	}
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	seq, err := point.Find(c.Context(), s.replay.Source)
	if errors.Is(err, replay.ErrBeyond) {
		return api.NotFound.With("The log does not hold that message yet: " + err.Error() + ".")
	}
	if err != nil {
		return unreadLog(err)
	}
	c.SetPosition(s.source.Snapshot().TokenHeader())
	return answerDocument(c, map[string]uint64{"sequence": seq})
}

// unreadLog says why messages of the log could not be read.
func unreadLog(err error) error {
	switch {
	case errors.Is(err, replay.ErrGap):
		return api.NotFound.With("The log does not hold that message any more: " + err.Error() + ".")
	case errors.Is(err, eventlog.ErrMessageUnreadable):
		return api.Conflict.With("The log cannot be read there: " + err.Error() + ".")
	case errors.Is(err, context.Canceled):
		return err
	}
	p := api.LogUnavailable.Because(err)
	p.Detail = "The event log does not answer now: nothing was read."
	return p
}
