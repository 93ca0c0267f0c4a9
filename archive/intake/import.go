package intake

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark-io/tidemark/archive/intake/mapping"
	"github.com/tidemark-io/tidemark/events"
)

// Import reads all rows that there are.
type Import struct {
	Mapping *mapping.Mapping
	Sink    Sink
	// Concurrency is how many batches are under way at once, from 1.
	Concurrency int
	// Progress, if set, is told how many more rows were read. It is called by
	// one goroutine.
	Progress func(rows int)
	// Snapshot, if set, is one that another transaction exported.
	Snapshot string
	Now      func() time.Time

	alone  bool   // nobody else may bring the source in meanwhile
	wanted []bool // the entries that are read; nil for all
	report *Report
	at     events.Time
	events map[int]*batch // one under way for each entry
	out    chan *batch
}

// RunOn is Run on a connection of its own.
func (im *Import) RunOn(ctx context.Context, url string) (*Report, events.Time, error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
	_, dry := im.Sink.(DrySink)
	im.alone = !dry
	return im.Run(ctx, conn)
}

// Run imports what the database at conn holds at one moment, and returns that
// moment with what became of the rows. On an error the report holds what was
// done until then, and the import may be repeated.
func (im *Import) Run(ctx context.Context, conn *pgx.Conn) (*Report, events.Time, error) {
	start := time.Now()
	tx, err := im.begin(ctx, conn)
	if err != nil {
		return nil, 0, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
	names := make([]string, len(im.Mapping.Entries))
	for i := range im.Mapping.Entries {
		names[i] = im.Mapping.Entries[i].Name()
	}
	im.report, im.events, im.out = newReport(names), map[int]*batch{}, make(chan *batch)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(im.out)
		return im.read(ctx, tx)
	})
	for range im.Concurrency {
		group.Go(func() error {
			for b := range im.out {
				o, err := im.Sink.Send(ctx, b.events)
				if err != nil {
					return errSink{fmt.Errorf("send %d events: %w", len(b.events), err)}
				}
				im.report.sent(b, o)
			}
			return nil
		})
	}
	err = group.Wait()
	im.report.Seconds = time.Since(start).Seconds()
	return im.report, im.at, err
}

// begin begins a transaction that sees one moment and can change nothing.
func (im *Import) begin(ctx context.Context, conn *pgx.Conn) (tx pgx.Tx, err error) {
	if tx, err = conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}); err != nil {
		return nil, fmt.Errorf("begin to read: %w", err)
	}
	if im.Snapshot != "" {
		if _, err = tx.Exec(ctx, "SET TRANSACTION SNAPSHOT '"+strings.ReplaceAll(im.Snapshot, "'", "")+"'"); err != nil {
			err = fmt.Errorf("read at the slot's snapshot: %w", err)
		}
	}
	if im.alone && err == nil {
		err = aloneIn(ctx, tx, im.Mapping)
	}
	if err != nil {
		_ = tx.Rollback(context.WithoutCancel(ctx)) // err says what is wrong
	}
	return tx, err
}

// read reads all entries.
func (im *Import) read(ctx context.Context, tx pgx.Tx) error {
	if err := im.moment(ctx, tx); err != nil {
		return err
	}
	for i := range im.Mapping.Entries {
		if im.wanted != nil && !im.wanted[i] {
			continue
		}
		if err := im.entry(ctx, tx, i); err != nil {
			return fmt.Errorf("import %s: %w", im.Mapping.Entries[i].Name(), err)
		}
	}
	return nil
}

// settings has Postgres write values as changes have them, refuse to read where a
// policy would hide rows, and let the transaction stand until all is sent.
const settings = "SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true), set_config('row_security', 'off', true), set_config('idle_in_transaction_session_timeout', '0', true)"

// moment takes the snapshot, and then looks at the clock: no commit that the
// snapshot shows is later.
func (im *Import) moment(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, settings); err != nil {
		return fmt.Errorf("take a snapshot: %w", err)
	}
	var now time.Time
	if err := tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return fmt.Errorf("ask for the time: %w", err)
	}
	im.at = min(events.TimeOf(now), events.TimeOf(im.Now())) // the service takes nothing of the future
	return nil
}

// entry reads the rows of one entry.
func (im *Import) entry(ctx context.Context, tx pgx.Tx, number int) error {
	e := &im.Mapping.Entries[number]
	statement, err := im.statement(ctx, tx, e)
	if err != nil {
		return err
	}
	described, err := tx.Conn().Prepare(ctx, "", statement)
	if err != nil {
		return err
	}
	var columns []string
	for _, f := range described.Fields {
		columns = append(columns, f.Name)
	}
	plan, err := im.Mapping.Plan(e, columns)
	if err == nil {
		err = oneEach(ctx, tx, e, plan, statement)
	}
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, statement, pgx.QueryResultFormats{pgx.TextFormatCode})
	if err != nil {
		return err
	}
	defer rows.Close()
	row := make(mapping.Row, len(columns))
	for rows.Next() {
		for i, text := range rows.RawValues() {
			row[i] = mapping.Value{Text: text, Null: text == nil}
		}
		if err := im.row(ctx, number, plan, row); err != nil {
			return err
		}
		if im.Progress != nil {
			im.Progress(1)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return im.flush(ctx, number)
}

func (im *Import) row(ctx context.Context, number int, plan *mapping.Plan, row mapping.Row) error {
	there, _ := plan.There(row)
	im.report.note(number, func(e *EntryReport) {
		if e.Rows++; !there {
			e.NotThere++
		}
	})
	from, tell := origin{number, plan.Key(row)}, plan.Present
	if !there {
		tell = plan.Hidden
	}
	made, err := tell(nil, row, mapping.Moment{Name: importName(number, from.key), At: im.at})
	if err != nil {
		im.report.unfit(from, err.Error())
		return nil
	}
	encoded, size, err := encode(made)
	if err != nil {
		im.report.unfit(from, err.Error())
		return nil
	}
	if len(encoded) == 0 {
		return nil
	}
	b := im.events[number]
	if b != nil && !b.fits(len(encoded), size) {
		if err := im.flush(ctx, number); err != nil {
			return err
		}
		b = nil
	}
	if b == nil {
		b = &batch{}
		im.events[number] = b
	}
	b.add(encoded, from)
	return nil
}

// flush hands over what has gathered of an entry.
func (im *Import) flush(ctx context.Context, number int) error {
	b := im.events[number]
	if b == nil {
		return nil
	}
	delete(im.events, number)
	select {
	case im.out <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// importName names a row of an import. A long key stands in it by its hash, to
// fit into an identity.
func importName(entry int, key string) string {
	const longest = 100
	if len(key) > longest {
		key = fmt.Sprintf("%x", sha256.Sum256([]byte(key)))
	}
	return fmt.Sprintf("import/%d/%s", entry, strings.ToValidUTF8(key, "?"))
}

// statement reads an entry's rows.
func (im *Import) statement(ctx context.Context, tx pgx.Tx, e *mapping.Entry) (string, error) {
	if e.Query != "" {
		return e.Query, nil
	}
	plan, err := planOf(ctx, tx, im.Mapping, e)
	if err != nil {
		return "", err
	}
	var columns []string
	for _, c := range plan.Needed() {
		columns = append(columns, pgx.Identifier{c}.Sanitize())
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + tableOf(e).Sanitize(), nil
}

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// planOf plans an entry for all columns of its table.
func planOf(ctx context.Context, q querier, m *mapping.Mapping, e *mapping.Entry) (*mapping.Plan, error) {
	rows, err := q.Query(ctx, `SELECT attname FROM pg_attribute
		WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, tableOf(e).Sanitize())
	if err != nil {
		return nil, fmt.Errorf("look at table %s: %w", e.Table, err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look at table %s: %w", e.Table, err)
	}
	if len(columns) == 0 {
		return nil, setUp("there is no table %s", e.Table)
	}
	return m.Plan(e, columns)
}

// tableOf is the entry's table, as schema and name where it names both.
func tableOf(e *mapping.Entry) pgx.Identifier { return strings.Split(e.Table, ".") }

// Estimate is about how many rows an import will read, as Postgres' statistics
// have it; rows of queries are not in it.
func Estimate(ctx context.Context, url string, m *mapping.Mapping) (rows int64, err error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
	for i := range m.Entries {
		if m.Entries[i].Table == "" {
			continue
		}
		var n float64
		err := conn.QueryRow(ctx, "SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = to_regclass($1)", tableOf(&m.Entries[i]).Sanitize()).Scan(&n)
		if errors.Is(err, pgx.ErrNoRows) {
			return 0, fmt.Errorf("there is no table %s", m.Entries[i].Table)
		}
		if err != nil {
			return 0, fmt.Errorf("estimate the rows of %s: %w", m.Entries[i].Table, err)
		}
		rows += int64(n)
	}
	return rows, nil
}
