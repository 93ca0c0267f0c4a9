package query

import (
	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// listBlocks answers GET /v1/blocks: whom the caller blocks, newest first.
func (s *Service) listBlocks(c *api.Call) error {
	var values [2]param
	if err := readParams(c, values[:], "limit", "cursor"); err != nil {
		return err
	}
	p, err := s.readPage(c, listOfBlocks, "", values[0], values[1])
	if err != nil {
		return err
	}
	snapshot, err := s.settled(c)
	if err != nil {
		return err
	}
	defer snapshot.Release()
	blocks, err := snapshot.Blocks(c.Caller.ID, readmodel.BlockPage{CreatedAt: p.after.time, At: p.after.at}, p.limit+1)
	if err != nil {
		return err
	}
	out := appendPage(append(c.Out, '{'), "blocks", blocks, p.limit, appendBlock)
	out = s.appendNextCursor(out, &p, len(blocks), func(i int) place {
		at := blocks[i].Page()
		return place{at.CreatedAt, at.At}
	})
	c.Out = append(out, '}')
	return c.Answer(c.Out)
}

func appendBlock(dst []byte, b *readmodel.Block) []byte {
	dst = b.User.AppendTo(append(dst, `{"user_id":"`...))
	dst = b.CreatedAt.AppendTo(append(dst, `","created_at":"`...))
	return append(dst, `"}`...)
}
