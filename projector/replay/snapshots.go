package replay

import (
	"context"

	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Snapshots is the folder of snapshots.
type Snapshots struct {
	Dir string
}

// base is what a fold begins with: the nearest snapshot, or nothing.
type base struct {
	model *readmodel.Model
	at    uint64
}

func (b *base) Close() {}

func (o *Options) base(ctx context.Context, upTo uint64) (*base, error) { return &base{}, nil }
