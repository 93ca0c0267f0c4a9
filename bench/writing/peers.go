package writing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/rueidis"

	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/events"
)

// peers are the stores beside tidemark; what is not there is empty.
type peers struct {
	postgres string // connection string
	redis    string // Unix socket
}

// upsertCounters adds a batch to the counters. Rows of one statement must not
// meet, so they are summed up first, in the database. They are locked in one order,
// so that sessions wait for each other and never for ever.
const upsertCounters = `insert into counters select v, sum(a), sum(b), sum(c) from unnest($1::uuid[], $2::int[], $3::int[], $4::int[]) as t(v, a, b, c)
group by v order by v on conflict (id) do update set views = counters.views + excluded.views, likes = counters.likes + excluded.likes, comments = counters.comments + excluded.comments`

// upsert adds the trace to a table, one transaction for each batch, which is
// durable when it commits.
func (p *peers) upsert(ctx context.Context, t *trace, _ string, row *result.Row) error {
	db, err := pgxpool.New(ctx, p.postgres+" pool_max_conns="+strconv.Itoa(postgresSessions))
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer db.Close()
	if _, err := db.Exec(ctx, `drop table if exists counters; create table counters (id uuid primary key, views bigint not null, likes bigint not null, comments bigint not null)`); err != nil {
		return fmt.Errorf("make the table: %w", err)
	}
	start := time.Now()
	err = send(t.batches(postgresRows), postgresSessions, func(batch []occurrence) error { return upsertBatch(ctx, db, batch) })
	if err != nil {
		return err
	}
	took := time.Since(start)
	row.Add(result.Events, result.PerSecond, float64(len(t.events))/took.Seconds())
	var counted int
	if err := db.QueryRow(ctx, "select sum(views + likes + comments) from counters").Scan(&counted); err != nil {
		return fmt.Errorf("count: %w", err)
	}
	if counted != len(t.events) {
		return fmt.Errorf("%d events were added, %d are counted", len(t.events), counted)
	}
	return nil
}

func upsertBatch(ctx context.Context, db *pgxpool.Pool, batch []occurrence) error {
	ids := make([][16]byte, len(batch))
	var adds [3][]int32
	for c := range adds {
		adds[c] = make([]int32, len(batch))
	}
	for i := range batch {
		ids[i] = batch[i].video
		adds[counterOf(batch[i].kind)][i] = 1
	}
	if _, err := db.Exec(ctx, upsertCounters, ids, adds[0], adds[1], adds[2]); err != nil {
		return fmt.Errorf("add a batch: %w", err)
	}
	return nil
}

func counterOf(kind events.Type) int {
	switch kind {
	case events.TypeVideoViewed:
		return 0
	case events.TypeVideoLiked:
		return 1
	}
	return 2
}

// adds returns the run that adds the trace to Redis, from as many senders as
// tidemark has: each event is one HINCRBY; with exact likes each like is a SADD to
// the set of its video first.
func (p *peers) adds(exact bool) func(context.Context, *trace, string, *result.Row) error {
	return func(ctx context.Context, t *trace, _ string, row *result.Row) error {
		option, err := rueidis.ParseURL("unix://" + p.redis)
		if err != nil {
			return fmt.Errorf("connect to Redis: %w", err)
		}
		option.ForceSingleClient, option.DisableCache = true, true
		client, err := rueidis.NewClient(option)
		if err != nil {
			return fmt.Errorf("connect to Redis: %w", err)
		}
		defer client.Close()
		if err := client.Do(ctx, client.B().Flushall().Build()).Error(); err != nil {
			return fmt.Errorf("empty Redis: %w", err)
		}
		start := time.Now()
		err = send(t.batches(redisCalls), senders, func(batch []occurrence) error { return sendBatch(ctx, client, batch, exact) })
		if err != nil {
			return err
		}
		row.Add(result.Events, result.PerSecond, float64(len(t.events))/time.Since(start).Seconds())
		likes := t.likes
		if exact {
			likes = t.pairs
		}
		return checkAdds(ctx, client, t, len(t.events)-t.likes+likes)
	}
}

// checkAdds sums up all counters.
func checkAdds(ctx context.Context, client rueidis.Client, t *trace, want int) error {
	counted := 0
	for videos := range slices.Chunk(t.videos, redisCalls) {
		var commands rueidis.Commands
		for i := range videos {
			commands = append(commands, client.B().Hvals().Key(videoKey(&videos[i])).Build())
		}
		for _, answer := range client.DoMulti(ctx, commands...) {
			values, err := answer.AsIntSlice()
			if err != nil {
				return fmt.Errorf("count: %w", err)
			}
			for _, n := range values {
				counted += int(n)
			}
		}
	}
	if counted != want {
		return fmt.Errorf("%d counts were to be added, %d are there", want, counted)
	}
	return nil
}

// send sends the batches from so many senders at a time.
func send(batches [][]occurrence, senders int, one func([]occurrence) error) error {
	work := make(chan []occurrence)
	errs := make(chan error, senders)
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			var first error
			for batch := range work { // to its end, so that nobody waits for ever
				if first == nil {
					first = one(batch)
				}
			}
			errs <- first
		})
	}
	for _, batch := range batches {
		work <- batch
	}
	close(work)
	wg.Wait()
	close(errs)
	var err error
	for e := range errs {
		err = errors.Join(err, e)
	}
	return err
}

// sendBatch sends one pipeline, and where likes are exact a second one, which
// counts those that were new in the sets of their videos.
func sendBatch(ctx context.Context, client rueidis.Client, batch []occurrence, exact bool) error {
	commands := make(rueidis.Commands, len(batch))
	for i := range batch {
		if o := &batch[i]; exact && o.kind == events.TypeVideoLiked {
			commands[i] = client.B().Sadd().Key("l:" + string(o.video[:])).Member(string(o.user[:])).Build()
		} else {
			commands[i] = increment(client, o)
		}
	}
	var likes rueidis.Commands
	for i, answer := range client.DoMulti(ctx, commands...) {
		n, err := answer.AsInt64()
		if err != nil {
			return fmt.Errorf("add a batch: %w", err)
		}
		if exact && batch[i].kind == events.TypeVideoLiked && n == 1 {
			likes = append(likes, increment(client, &batch[i]))
		}
	}
	for _, answer := range client.DoMulti(ctx, likes...) {
		if err := answer.Error(); err != nil {
			return fmt.Errorf("count likes: %w", err)
		}
	}
	return nil
}

func videoKey(id *events.VideoID) string { return "v:" + string(id[:]) }

func increment(client rueidis.Client, o *occurrence) rueidis.Completed {
	field := [...]string{"v", "l", "c"}[counterOf(o.kind)]
	return client.B().Hincrby().Key(videoKey(&o.video)).Field(field).Increment(1).Build()
}
