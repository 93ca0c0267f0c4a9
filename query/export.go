package query

import (
	"errors"
	"strconv"

	"github.com/tidemark-io/tidemark/api"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

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
	if err != nil {
		return err
	}
	c.SetPosition(s.source.Snapshot().TokenHeader())
	return answerDocument(c, page)
}
