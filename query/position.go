package query

import (
	"strconv"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// getPosition answers GET /v1/position: where the log ends, and how far this
// node has folded it.
func (s *Service) getPosition(c *api.Call) error {
	if err := noParams(c); err != nil {
		return err
	}
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	snapshot, lag := s.source.Snapshot(), s.source.Lag()
	c.SetPosition(snapshot.TokenHeader())
	out := positionToken(snapshot, lag.End).AppendTo(append(c.Out, `{"end":"`...))
	out = positionToken(snapshot, lag.Folded).AppendTo(append(out, `","folded":"`...))
	out = strconv.AppendInt(append(out, `","lag_events":`...), lag.Events, 10)
	out = strconv.AppendFloat(append(out, `,"lag_seconds":`...), rounded(lag.Seconds), 'f', -1, 64)
	c.Out = append(out, '}')
	return c.Answer(c.Out)
}

// positionToken returns the token of one place in the log that the read model
// folds; both bounds lie there.
func positionToken(s *readmodel.Snapshot, at events.Position) events.Token {
	t := events.Token{Incarnation: s.Incarnation(), Floor: at, Ceiling: at, Generation: s.Generation()}
	if at.Seq == s.At.Seq {
		t.Tag = s.Tag
	}
	return t
}
