package archive

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// reading calls fn in a transaction that sees one moment of the archive, with the
// position of then, and returns the last message that was archived. It fails with
// ErrUnavailable, also where the archive is another log's: what that says is nothing here.
func (a *Archive) reading(ctx context.Context, fn func(tx pgx.Tx, at *Position) error) (last uint64, err error) {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, a.pool, moment, func(tx pgx.Tx) error {
		position, err := readPosition(ctx, tx, "")
		if err != nil {
			return err
		}
		if last, err = position.within(a.cfg.Log); err != nil {
			return err
		}
		return fn(tx, &position)
	})
	if err != nil {
		return 0, unavailable(err)
	}
	return last, nil
}
