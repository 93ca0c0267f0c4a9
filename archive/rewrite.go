package archive

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// rejudgement judges messages anew, some at a time. Whatever goes wrong with the server,
// its fold has come as far as it has, and is gone on with.
type rejudgement struct {
	*session
	fold      replay.Folding
	broken    bool                 // it has failed, or made no rows of a message
	judged    *projector.Judgement // of the last message folded
	next      uint64               // message to be folded
	done      uint64               // the last message whose rows are right
	rewritten int64                // messages, in chunks that were not right
	want      *chunk               // the rows that should be there
	effects   copyRows             // of events, in short
	got       bytes.Buffer
}

// effectsTable is what of an event's row its judgement decides.
var effectsTable = table{"events", "seq, idx, delta, effect"}

// goesOn reports whether the fold can be gone on with where the archive is now: no rows
// of messages are missing between what is done and what it has made. The answer to the
// last commit may have been lost.
func (r *rejudgement) goesOn(now *rejudge) bool {
	r.done = now.doneHere()
	if r.want.first > 0 && r.want.last.Seq <= r.done {
		r.want.reset(r.want.log)
	}
	if r.want.first > 0 {
		return !r.broken && r.want.first <= r.done+1 && r.want.last.Seq <= *now.to
	}
	return !r.broken && r.next <= r.done+1
}

// message folds the next message, and makes its rows.
func (r *rejudgement) message(m *eventlog.Message) error {
	err := r.fold.Message(*m)
	r.next = m.Seq + 1
	if err == nil && m.Seq > r.done {
		err = r.add(m)
	}
	r.broken = err != nil
	return err
}

// add adds what should be there of a message.
func (r *rejudgement) add(m *eventlog.Message) error {
	if r.want.first == 0 {
		r.effects.reset()
	}
	if err := r.want.add(m, r.judged); err != nil {
		return err
	}
	for i, v := range r.judged.Verdicts {
		r.effects.row(4)
		r.effects.int8(int64(m.Seq))
		r.effects.int2(int16(i))
		r.effects.int2(int16(v.Delta))
		r.effects.text(v.Effect.String())
	}
	return nil
}

// move changes the archive as the session does, on a connection of those who read. It
// has that before its turn comes: who archives waits for none of them.
func (r *rejudgement) move(ctx context.Context, limit time.Duration, fn func(ctx context.Context, tx pgx.Tx, next *Position) error) error {
	connect, cancel := context.WithTimeout(ctx, r.cfg.WriteLimit)
	defer cancel()
	conn, err := r.pool.Acquire(connect)
	if err != nil {
		return unavailable(err)
	}
	defer conn.Release()
	return r.session.move(ctx, conn.Conn(), limit, fn)
}

// flush rewrites what is not as it should be, and notes how far it has come.
func (r *rejudgement) flush(ctx context.Context) error {
	if r.want.first == 0 {
		return nil
	}
	wrong, err := r.wrong(ctx)
	if err != nil {
		return err
	}
	last := r.want.last.Seq
	err = r.move(ctx, r.cfg.WriteLimit, func(ctx context.Context, tx pgx.Tx, next *Position) error {
		if p := &next.rejudge; p.to == nil || *p.to < last || p.by == r.want.folds[1].Version && p.done != r.done {
			return fmt.Errorf("%w: it is judged anew up to %d, this process left that at %d", errMoved, p.done, r.done)
		}
		next.rejudge.done, next.rejudge.by = last, r.want.folds[1].Version
		if len(wrong) == 0 {
			return nil
		}
		return r.rewrite(ctx, tx, wrong)
	})
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		r.rewritten += int64(r.want.messages.rows)
	}
	r.done = last
	r.want.reset(r.want.log)
	r.noteRejudge(nil) // it goes on
	return nil
}

// wrong returns the tables with rows that are not as they should be. Nobody else
// changes rows of messages that are archived.
func (r *rejudgement) wrong(ctx context.Context) (wrong []filled, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.WriteLimit)
	defer cancel()
	conn, err := r.pool.Acquire(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	defer conn.Release()
	for _, t := range []filled{{effectsTable, &r.effects}, {deadTable, &r.want.dead}, {auditTable, &r.want.audit}, {changesTable, &r.want.changes}} {
		var found replay.ArchiveResult
		if err := r.want.compare(ctx, conn.Conn(), t, &r.got, &found); err != nil {
			return nil, err
		}
		if found.Count > 0 {
			wrong = append(wrong, t)
		}
	}
	return wrong, nil
}

const (
	stageEffects = `CREATE TEMPORARY TABLE staged_effects (seq bigint, idx smallint, delta smallint, effect text) ON COMMIT DROP`
	// rewriteEffects leaves rows alone that are right, or not there.
	rewriteEffects = `UPDATE events AS e SET delta = s.delta, effect = s.effect FROM staged_effects AS s
WHERE e.log = $1 AND e.seq BETWEEN $2 AND $3 AND e.seq = s.seq AND e.idx = s.idx AND (e.delta, e.effect) IS DISTINCT FROM (s.delta, s.effect)`
	// keepHistory adds what is staged to how the history will change.
	keepHistory = `INSERT INTO rejudged_history AS h SELECT video_id, hour, ` + staged + ` FROM staged_history GROUP BY 1, 2
HAVING (sum(views), sum(likes), sum(comments), sum(remixes), sum(glitches)) <> (0, 0, 0, 0, 0) ORDER BY 1, 2`
)

// rewrite rewrites the chunk's rows of some tables, and notes how the history is to
// change: by what they say afterwards, less what they said before.
func (r *rejudgement) rewrite(ctx context.Context, tx pgx.Tx, wrong []filled) error {
	c := r.want
	if _, err := tx.Exec(ctx, stageHistory); err != nil {
		return fmt.Errorf("make the staging table: %w", err)
	}
	if _, err := tx.Exec(ctx, said, c.log, c.first, c.last.Seq, -1); err != nil {
		return fmt.Errorf("add up what events said: %w", err)
	}
	for _, t := range wrong {
		if err := r.rewriteTable(ctx, tx, t); err != nil {
			return fmt.Errorf("rewrite rows of table %s: %w", t.name, err)
		}
	}
	if _, err := tx.Exec(ctx, said, c.log, c.first, c.last.Seq, 1); err != nil {
		return fmt.Errorf("add up what events say: %w", err)
	}
	if _, err := tx.Exec(ctx, keepHistory+onConflict("video_id, hour")); err != nil {
		return fmt.Errorf("note how the history will change: %w", err)
	}
	return nil
}

func (r *rejudgement) rewriteTable(ctx context.Context, tx pgx.Tx, t filled) error {
	c := r.want
	if t.name != eventsTable.name {
		if _, err := tx.Exec(ctx, "DELETE FROM "+t.name+" WHERE log = $1 AND seq BETWEEN $2 AND $3", c.log, c.first, c.last.Seq); err != nil {
			return err
		}
		return t.copyIn(ctx, tx.Conn().PgConn())
	}
	if _, err := tx.Exec(ctx, stageEffects); err != nil {
		return err
	}
	t.table = table{"staged_effects", t.columns}
	if err := t.copyIn(ctx, tx.Conn().PgConn()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, rewriteEffects, c.log, c.first, c.last.Seq)
	return err
}

// endLimit bounds the transaction that changes the history: it grows with their
// number, and what it has done is lost when it is given up.
const endLimit = 4 * time.Hour

// end adds to the history how it is to change, unless more is to be judged anew by
// now, and returns the position. It takes the time that it takes: nothing is archived
// meanwhile.
func (r *rejudgement) end(ctx context.Context) (now Position, err error) {
	err = r.move(ctx, endLimit, func(ctx context.Context, tx pgx.Tx, next *Position) error {
		now = *next
		if next.rejudge.to == nil || *next.rejudge.to >= r.next {
			return nil
		}
		if err := addUp(ctx, tx, "rejudged_history"); err != nil {
			return err
		}
		next.rejudge = rejudge{}
		now = *next
		_, err := tx.Exec(ctx, "DELETE FROM rejudged_history")
		return err
	})
	return now, err
}
