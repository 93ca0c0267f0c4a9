package archive

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// reading calls fn in a transaction that sees one moment of the archive, with the
// last message that was archived then, and returns that. It fails with
// ErrUnavailable.
func (a *Archive) reading(ctx context.Context, fn func(tx pgx.Tx, last uint64) error) (last uint64, err error) {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, a.pool, moment, func(tx pgx.Tx) error {
		position, err := readPosition(ctx, tx, "")
		if err != nil {
			return err
		}
		last = position.Seq
		return fn(tx, last)
	})
	if err != nil {
		return 0, unavailable(err)
	}
	return last, nil
}
