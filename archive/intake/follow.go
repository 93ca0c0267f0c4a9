package intake

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tidemark-io/tidemark/archive/intake/mapping"
	"github.com/tidemark-io/tidemark/archive/intake/pgoutput"
	"github.com/tidemark-io/tidemark/events"
)

const (
	// quiet is how long the stream may be silent before what has gathered is sent.
	quiet = 5 * time.Millisecond
	// confirmEvery bounds how far Postgres is behind in what it may forget, and
	// keeps its wal_sender_timeout (a minute) from passing.
	confirmEvery = time.Second / 2
	// lookEvery is how often the slot is looked at, and lookLimit how long Postgres may
	// take to say what is asked: one that is gone without a word is noticed by it.
	lookEvery = 2 * time.Second
	lookLimit = time.Minute
)

// follower takes the changes that one replication connection tells.
type follower struct {
	c           *Capture
	conn        *pgx.Conn
	replication *pgconn.PgConn

	tables map[uint32]*table
	tx     transaction
	batch  batch
	report *Report
	// received is the end of the last commit that was read, done of the last one
	// whose events are durable, and confirmed what Postgres was told.
	received, done, confirmed pgoutput.LSN
	// target ends the run once it is done; 0 if nothing does.
	target                  pgoutput.LSN
	confirmedAt, lookedAt   time.Time
	walEnd                  pgoutput.LSN
	replyAsked, transacting bool
}

// transaction is the one being read.
type transaction struct {
	// name tells it from all others, and from how another capture of the source tells it:
	// that may come between, and what is told again behind it must not pass for said.
	name    string
	moment  mapping.Moment
	changes int
	known   bool // all of it was taken before
}

// table is a relation with the plans of the entries that map it.
type table struct {
	relation pgoutput.Relation
	plans    []*mapping.Plan
	entries  []int
	// blind is a column that changes do not tell of rows that were there before.
	blind string
	// needed names the columns that are needed of such rows, and neverNull is the places of
	// those that are never null, of a partitioned table.
	needed    []string
	neverNull []int
}

func (f *follower) run(ctx context.Context) error {
	f.tables = map[uint32]*table{}
	names := make([]string, len(f.c.Mapping.Entries))
	for i := range f.c.Mapping.Entries {
		names[i] = f.c.Mapping.Entries[i].Name()
	}
	f.report = newReport(names)
	if err := f.look(ctx); err != nil {
		return err
	}
	if f.walEnd < f.c.state.Done {
		return fmt.Errorf("its log ends at %v, and was taken up to %v: %w", f.walEnd, f.c.state.Done, ErrRewound)
	}
	if f.c.UntilCaughtUp {
		f.target = f.walEnd
	}
	if err := f.start(ctx); err != nil {
		return err
	}
	for {
		over, err := f.step(ctx)
		if err != nil || over {
			return errors.Join(err, f.confirm(context.WithoutCancel(ctx)))
		}
	}
}

// start has Postgres stream from where the slot stands.
func (f *follower) start(ctx context.Context) error {
	// Names of slots and publications are checked by Postgres; quoted, they are names.
	statement := fmt.Sprintf(`START_REPLICATION SLOT %s LOGICAL 0/0 (proto_version '1', publication_names '%s')`,
		pgx.Identifier{f.c.Slot}.Sanitize(), pgx.Identifier{f.c.Slot}.Sanitize())
	f.replication.Frontend().SendQuery(&pgproto3.Query{String: statement})
	if err := f.replication.Frontend().Flush(); err != nil {
		return fmt.Errorf("start replication: %w", err)
	}
	for {
		message, err := f.replication.ReceiveMessage(ctx)
		if err != nil {
			return fmt.Errorf("start replication: %w", err)
		}
		switch m := message.(type) {
		case *pgproto3.CopyBothResponse:
			return nil
		case *pgproto3.ErrorResponse:
			return fmt.Errorf("start replication: %w", pgconn.ErrorResponseToPgError(m))
		}
	}
}

// step takes one message, or finds the stream quiet. over is true once the
// target is reached.
func (f *follower) step(ctx context.Context) (over bool, err error) {
	wait := quiet
	if len(f.batch.events) == 0 {
		wait = confirmEvery
	}
	receiveCtx, cancel := context.WithTimeout(ctx, wait)
	message, err := f.replication.ReceiveMessage(receiveCtx)
	cancel()
	switch {
	case ctx.Err() != nil:
		return true, nil
	case err != nil && pgconn.Timeout(err):
		if err := f.send(ctx); err != nil {
			return false, err
		}
	case err != nil:
		return false, fmt.Errorf("follow the changes: %w", err)
	default:
		if err := f.message(ctx, message); err != nil {
			return false, err
		}
	}
	return f.tend(ctx)
}

// tend confirms and looks at the slot, when it is time.
func (f *follower) tend(ctx context.Context) (over bool, err error) {
	if len(f.batch.events) == 0 {
		f.done = max(f.done, f.received)
	}
	over = f.target > 0 && f.done >= f.target
	now := time.Now()
	if f.replyAsked || now.Sub(f.confirmedAt) >= confirmEvery {
		if err := f.confirm(ctx); err != nil {
			return false, err
		}
		f.confirmedAt, f.replyAsked = now, false
	}
	if now.Sub(f.lookedAt) >= lookEvery {
		if err := f.look(ctx); err != nil {
			return false, err
		}
		f.lookedAt = now
	}
	return over, nil
}

func (f *follower) message(ctx context.Context, message pgproto3.BackendMessage) error {
	switch m := message.(type) {
	case *pgproto3.ErrorResponse:
		answer := pgconn.ErrorResponseToPgError(m)
		if answer.Code == "42704" { // made anew behind the changes that are to be told
			return fmt.Errorf("publication %s: %w", f.c.Slot, ErrPublicationGone)
		}
		return fmt.Errorf("follow the changes: %w", answer)
	case *pgproto3.CopyData:
		switch {
		case len(m.Data) >= 18 && m.Data[0] == 'k': // keepalive: end, clock, reply asked
			f.replyAsked = f.replyAsked || m.Data[17] != 0
			if !f.transacting {
				f.received = max(f.received, pgoutput.LSN(binary.BigEndian.Uint64(m.Data[1:])))
			}
		case len(m.Data) >= 25 && m.Data[0] == 'w': // data: start, end, clock, message
			change, err := pgoutput.Parse(m.Data[25:])
			if err != nil {
				return err
			}
			return f.change(ctx, change)
		}
	case *pgproto3.CopyDone:
		return errors.New("follow the changes: Postgres has ended the stream")
	}
	return nil
}

// change takes one message of the plug-in.
func (f *follower) change(ctx context.Context, message pgoutput.Message) error {
	switch m := message.(type) {
	case pgoutput.Begin:
		if m.Final < f.c.state.Done && events.TimeOf(m.Time) > f.c.state.Latest {
			return fmt.Errorf("transaction %v is later than what was taken from behind it: %w", m.Final, ErrRewound)
		}
		f.transacting = true
		f.tx = transaction{name: f.c.Slot + "/" + m.Final.String(), known: m.Final < f.c.state.Done}
		at, err := f.c.timeOf(m.Time)
		if err != nil {
			return err
		}
		f.tx.moment = mapping.Moment{At: at, Change: true}
		f.c.stats.LastCommit.Store(m.Time.Unix())
	case pgoutput.Commit:
		f.transacting, f.received = false, m.End
		f.c.stats.Transactions.Add(1)
	case pgoutput.Relation:
		return f.relation(m)
	case pgoutput.Truncate:
		if !f.tx.known {
			return f.truncated(m)
		}
	case pgoutput.Insert, pgoutput.Update, pgoutput.Delete:
		if !f.tx.known {
			f.tx.changes++
			f.c.stats.Changes.Add(1)
			return f.row(ctx, m)
		}
	}
	return nil
}

// send hands over what has gathered, and waits until it is durable.
func (f *follower) send(ctx context.Context) error {
	if len(f.batch.events) == 0 {
		return nil
	}
	o, err := f.deliver(ctx)
	if err != nil {
		return errSink{fmt.Errorf("send %d events: %w", len(f.batch.events), err)}
	}
	f.report.sent(&f.batch, o)
	f.c.stats.Events.Add(int64(len(f.batch.events)))
	f.c.stats.Rejected.Add(int64(len(o.Rejected)))
	for _, r := range o.Rejected {
		f.c.Logger.Warn("an event that follows from a change was rejected and is left out",
			"entry", f.c.Mapping.Entries[f.batch.origins[r.Index].entry].Name(), "key", f.batch.origins[r.Index].key, "detail", r.Detail)
	}
	f.batch = batch{}
	// Events of every commit that was read were among these or before them.
	f.done = max(f.done, f.received)
	return nil
}

// deliver waits for the sink, however slow the service is, and meanwhile has
// Postgres hear that somebody is there: it gives up a connection that says nothing
// for wal_sender_timeout, and would tell a long transaction from its beginning again.
func (f *follower) deliver(ctx context.Context) (o Outcome, err error) {
	delivered := make(chan struct{})
	go func() {
		defer close(delivered)
		o, err = f.c.Sink.Send(ctx, f.batch.events)
	}()
	tick := time.NewTicker(confirmEvery)
	defer tick.Stop()
	for {
		select {
		case <-delivered:
			return o, err
		case <-tick.C:
			_ = f.confirm(ctx) // a connection that is gone is noticed by who reads next
		}
	}
}

// confirm tells Postgres what it may forget: only what is durable, and in the
// state already.
func (f *follower) confirm(ctx context.Context) error {
	if f.done > f.c.state.Done {
		f.c.state.Done = f.done
		if err := f.c.state.write(f.c.StateFile); err != nil {
			return errSink{err}
		}
	}
	f.confirmed = f.done
	status := make([]byte, 0, 34)
	status = append(status, 'r')
	for range 3 { // written, flushed, applied
		status = binary.BigEndian.AppendUint64(status, uint64(f.confirmed))
	}
	status = binary.BigEndian.AppendUint64(status, uint64(time.Now().UnixMicro()-pgoutput.Epoch))
	status = append(status, 0)
	f.replication.Frontend().Send(&pgproto3.CopyData{Data: status})
	if err := f.replication.Frontend().Flush(); err != nil {
		return fmt.Errorf("confirm to Postgres what was taken: %w", err)
	}
	return ctx.Err()
}

// look notes where the log ends and how much of it is kept for the slot, and
// that the mapped tables are still there.
func (f *follower) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(f.c.lookLimit, lookLimit))
	defer cancel()
	var end string
	var kept int64
	err := f.conn.QueryRow(ctx, `SELECT pg_current_wal_lsn()::text, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint
		FROM pg_replication_slots WHERE slot_name = $1`, f.c.Slot).Scan(&end, &kept)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("slot %s: %w", f.c.Slot, ErrSlotGone)
	}
	if err != nil {
		return fmt.Errorf("look at slot %s: %w", f.c.Slot, err)
	}
	f.c.stats.LagBytes.Store(kept)
	if f.walEnd, err = pgoutput.ParseLSN(end); err != nil {
		return err
	}
	return f.standing(ctx)
}
