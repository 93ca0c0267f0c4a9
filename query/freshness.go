package query

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Freshness tells the HTTP pipeline how far the read model has come.
type Freshness struct{ source Source }

var _ api.Freshness = Freshness{}

// NewFreshness returns the api.Freshness of a read model.
func NewFreshness(source Source) Freshness { return Freshness{source} }

// Wait returns once the read model has folded t.Ceiling. It fails with
// api.ErrOtherIncarnation for a position of another log or of a lost tail, with
// api.ErrStale when the deadline passes first, and otherwise with the context's
// error.
func (f Freshness) Wait(ctx context.Context, t events.Token) error {
	s := f.source.Snapshot()
	if t.Incarnation != s.Incarnation() || lost(t, s) {
		return api.ErrOtherIncarnation
	}
	if t.Ceiling.Compare(s.At) <= 0 {
		return nil
	}
	switch err := f.source.WaitFor(ctx, t.Ceiling); {
	case errors.Is(err, context.DeadlineExceeded):
		return api.ErrStale
	case err != nil:
		return fmt.Errorf("wait for position %v: %w", t.Ceiling, err)
	}
	// Only now may the tag at the ceiling be known.
	if lost(t, f.source.Snapshot()) {
		return api.ErrOtherIncarnation
	}
	return nil
}

// Position returns the token of the position folded, as a shared header value.
func (f Freshness) Position() []string { return f.source.Snapshot().TokenHeader() }

// AsOf returns the time of the read model, as a shared header value.
func (f Freshness) AsOf() []string { return f.source.AsOf() }

// lost reports whether a token of this incarnation speaks of a tail of the log
// that was lost and whose sequence numbers were used again: another record
// batch stands where the token says. It can be seen only at the end of what is
// folded, and only where both tags are known.
func lost(t events.Token, s *readmodel.Snapshot) bool {
	return t.Ceiling.Seq == s.At.Seq && t.Tag != 0 && s.Tag != 0 && t.Tag != s.Tag
}
