package query

import (
	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/api/idlist"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// metadataQuery is one request for counters: what was asked, and what was read.
// It is pooled; nothing in it points into a request.
type metadataQuery struct {
	list  idlist.List[events.VideoID]
	since events.Token
	// polls: the request gave since.
	polls bool

	snapshot *readmodel.Snapshot
	// slots and found stand beside list.IDs.
	slots []readmodel.Slot
	found []bool
	// ceiling is the highest position seen in the slots, hidden ones included.
	ceiling events.Position
	// reset: since says nothing about this read model; the answer is full.
	reset bool
	words []byte // what the ETag is a hash of
}

func (s *Service) metadataQuery() *metadataQuery {
	q := s.metadata.Get().(*metadataQuery)
	q.list.Reset()
	q.since, q.polls, q.reset, q.ceiling = events.Token{}, false, false, events.Position{}
	return q
}

func (s *Service) release(q *metadataQuery) {
	q.snapshot = nil
	if cap(q.list.Entries) <= idlist.KeptIDs {
		s.metadata.Put(q)
	}
}

// postMetadata answers POST /v1/videos/batch-metadata.
func (s *Service) postMetadata(c *api.Call) error {
	q := s.metadataQuery()
	defer s.release(q)
	if err := bodyVerdict(c, q.decode(c.Scan(), s.maxBatch)); err != nil {
		return err
	}
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	q.readChanges(s.source.Model())
	q.setPosition(c)
	c.Out = q.appendAnswer(c.Out)
	return c.Answer(c.Out)
}

// getMetadata answers GET /v1/videos/batch-metadata.
func (s *Service) getMetadata(c *api.Call) error {
	q := s.metadataQuery()
	defer s.release(q)
	if err := q.decodeParams(c, s.maxBatch); err != nil {
		return err
	}
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	q.read(s.source.Model())
	q.setPosition(c)
	tag := q.etag()
	c.SetETag(tag)
	if c.NoneMatch(tag) {
		return c.NotModified()
	}
	c.Out = q.appendAnswer(c.Out)
	return c.Answer(c.Out)
}

// setPosition gives the answer its token. Where the fold has not moved on
// between the two reads, that is a string which all answers share.
func (q *metadataQuery) setPosition(c *api.Call) {
	if q.ceiling.Compare(q.snapshot.At) <= 0 {
		c.SetPosition(q.snapshot.TokenHeader())
		return
	}
	c.SetToken(q.snapshot.Token(q.ceiling))
}
