package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Index knows which messages a scan would have to look for, such as an archive.
type Index interface {
	// Find returns what bears on the query up to the message last, as far as the
	// index goes. It fails where it cannot be asked.
	Find(ctx context.Context, q IndexQuery, last uint64) (Indexed, error)
}

// IndexQuery says what an Index is to find: the messages with an event that names
// one of the entities or items, publishes one of the videos, has one of the
// identities, or blocks or unblocks any account. What is no event and has the ID of
// an entity among its bytes is wanted too.
type IndexQuery struct {
	Entities  []Entity
	Items     []readmodel.Item
	Published []events.VideoID
	// Identities are types, times, sources and IDs of events.
	Identities []events.Meta
}

// Indexed is what an Index found. It may name more messages than it was asked for.
type Indexed struct {
	// UpTo is the last message that the index knows of. What lies behind it is to
	// be scanned.
	UpTo uint64
	// Sequences of messages up to UpTo, ascending and each once.
	Sequences []uint64
	// Effects counts the events up to UpTo that name one of the entities, by what
	// the fold that serves made of them. A fold of the messages found must come to
	// the same: else something bears on the entities that the index cannot know
	// of, such as a key that was used for two requests.
	Effects map[readmodel.Effect]int
}

// unfitError is why an index does not do.
type unfitError struct{ cause error }

func (e *unfitError) Error() string { return e.cause.Error() }
func (e *unfitError) Unwrap() error { return e.cause }

// find asks the index for the closure. It fails with an unfitError.
func (c *closing) find(ctx context.Context, closure *closure) (Indexed, error) {
	if len(closure.hours) > 0 {
		return Indexed{}, &unfitError{fmt.Errorf("an identity was used again after more than %v, and whether it was remembered depends on all events of its hour", c.Model.DedupeHorizon)}
	}
	c.Meter.Phase("asking the index")
	found, err := c.Index.Find(ctx, closure.query(), c.to)
	switch {
	case err != nil:
		return found, &unfitError{fmt.Errorf("the index cannot be asked: %w", err)}
	case found.UpTo == 0 && c.to > 0:
		return found, &unfitError{errors.New("the index holds nothing of this log yet")}
	}
	c.reading.Indexed = found.UpTo
	return found, nil
}

// query asks an index for the closure.
func (c *closure) query() IndexQuery {
	q := IndexQuery{
		Items: slices.Collect(maps.Keys(c.items)), Published: slices.Collect(maps.Keys(c.published)),
	}
	for id := range c.videos {
		q.Entities = append(q.Entities, Video(id))
	}
	for id := range c.jobs {
		q.Entities = append(q.Entities, Job(id))
	}
	for id := range c.users {
		q.Entities = append(q.Entities, User(id))
	}
	for at, same := range c.identities {
		for _, i := range same {
			meta := events.Meta{Type: i.kind, Time: at, Source: []byte(i.source), ID: []byte(i.id)}
			q.Identities = append(q.Identities, meta)
		}
	}
	return q
}

// effectTally counts what a fold of the messages found made of the events that name
// the entities, as Indexed.Effects does.
type effectTally struct {
	closure *closure
	found   Indexed
	named   named
	counts  map[readmodel.Effect]int
}

// observe has the fold's observer count.
func (t *effectTally) observe(options *projector.FoldOptions, model *readmodel.Model) {
	then := options.Observe
	options.Observe = func(e *events.Event, effect readmodel.Effect, reason error) {
		if t.named.read(e) == nil && e.Type != 0 && t.closure.about(&t.named) && model.At().Seq <= t.found.UpTo {
			t.counts[effect]++
		}
		if then != nil {
			then(e, effect, reason)
		}
	}
}

// about reports whether one of the entities is named.
func (c *closure) about(n *named) bool {
	return n.hasVideo && c.videos[n.video] || n.hasJob && c.jobs[n.job] || c.users[n.user] || c.users[n.other]
}

// check fails with an unfitError where the fold that serves came to something else.
func (t *effectTally) check() error {
	if t == nil || maps.Equal(t.counts, t.found.Effects) {
		return nil
	}
	return &unfitError{errors.New("what came of some events depends on others that the index does not name")}
}

// picked is the part of a source that an index names, and all that it does not
// know yet.
type picked struct {
	Source
	found Indexed
}

const (
	// runGap is how many messages that nobody asked for are read along rather than
	// passed over: a message by itself costs some ten times one in a row.
	runGap = 8
	// runLeast is from how many messages in a row on they are read as one.
	runLeast = 16
)

func (p picked) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	first, _ := slices.BinarySearch(p.found.Sequences, from)
	behind, _ := slices.BinarySearch(p.found.Sequences, to+1)
	for rest := p.found.Sequences[first:behind]; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n]-rest[n-1] <= runGap {
			n++
		}
		if err := p.run(ctx, rest[:n], fn); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if from = max(from, p.found.UpTo+1); from > to {
		return nil
	}
	return p.Source.Read(ctx, from, to, fn)
}

// run reads messages that lie close together.
func (p picked) run(ctx context.Context, run []uint64, fn func(eventlog.Message) error) error {
	if len(run) < runLeast {
		for _, seq := range run {
			if err := p.Source.Read(ctx, seq, seq, fn); err != nil {
				return err
			}
		}
		return nil
	}
	return p.Source.Read(ctx, run[0], run[len(run)-1], func(m eventlog.Message) error {
		if m.Seq != run[0] {
			return nil
		}
		run = run[1:]
		return fn(m)
	})
}
