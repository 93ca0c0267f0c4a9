package query

import (
	"net/http"
	"strconv"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// PositionRoute returns the endpoint GET /v1/position of a read model: it belongs
// to every node, also to one that answers no other query.
func PositionRoute(source Source) api.Route {
	return api.Route{Method: http.MethodGet, Path: "/v1/position", Access: api.AnyToken, Handle: func(c *api.Call) error {
		return answerPosition(c, source)
	}}
}

// answerPosition tells where the log ends, and how far this node has folded it.
func answerPosition(c *api.Call, source Source) error {
	if err := noParams(c); err != nil {
		return err
	}
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	snapshot, lag := source.Snapshot(), source.Lag()
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
