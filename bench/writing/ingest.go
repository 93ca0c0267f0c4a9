package writing

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/events"
)

// The scenarios of the bulk way in, with the subjects of their rows beside
// Tidemark.
const (
	Ingest       = "ingest"
	Popular      = "ingest/popular"
	JetStream    = "JetStream, record batches"
	Postgres     = "postgres-pgx, upserts by 10,000"
	RedisAdds    = "redis-rueidis, HINCRBY by 1,000"
	RedisExact   = "redis-rueidis, with sets for likes"
	lossyNote    = "not durable, and a repeat counts twice"
	callEvents   = events.MaxBatchEvents
	senders      = 4
	postgresRows = 10_000
	// postgresSessions are as many as are the fastest on two cores: four wait for each
	// other's rows.
	postgresSessions = 2
	redisCalls       = 1_000
)

// store is one way to keep the events of a trace. Each run begins with nothing.
type store struct {
	row result.Row
	run func(ctx context.Context, t *trace, dir string, row *result.Row) error
}

// IngestGroup returns the scenarios of the bulk way in.
func IngestGroup() scenario.Group {
	return scenario.Group{Scenarios: []scenario.Scenario{
		ingest(Ingest, "of a trace of few videos", func(env *scenario.Env) (*trace, error) { return readTrace(tracePath, traceEvents(env)) }),
		ingest(Popular, "of a million videos", func(env *scenario.Env) (*trace, error) {
			return popularTrace(traceEvents(env), scenario.Pick(env, 1_000_000, 1_000_000, 2_000)), nil
		}),
	}}
}

// traceEvents is how many events a trace has.
func traceEvents(env *scenario.Env) int { return scenario.Pick(env, 1_000_000, 300_000, 5_000) }

// ingest lets each store take in the same events.
func ingest(name, called string, read func(*scenario.Env) (*trace, error)) scenario.Scenario {
	row := func(subject string) result.Selector { return result.Selector{Scenario: name, Subject: subject} }
	ratio := func(what, to string, limit float64) result.Goal {
		return result.Goal{What: "durable ingest " + called + ", events/s, to " + what, Figure: result.Events, Of: row(Tidemark), To: row(to), Limit: limit, AtLeast: true}
	}
	return scenario.Scenario{Name: name, Takes: scenario.Takes{Full: 100 * time.Second, Quick: 25 * time.Second}, Goals: []result.Goal{
		{What: "durable ingest " + called + " through /v1/events", Figure: result.Events, Of: row(Tidemark), Limit: 300_000, AtLeast: true},
		ratio("raw record batches of the same size", JetStream, 0.5),
		ratio("PostgreSQL's batched upserts", Postgres, 1),
		ratio("Redis with exact sets", RedisExact, 1),
	}, Run: func(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
		t, err := read(env)
		if err != nil {
			return nil, err
		}
		return intoStores(ctx, env, name, t)
	}}
}

func intoStores(ctx context.Context, env *scenario.Env, name string, t *trace) ([]result.Row, error) {
	stores, stop, err := stores(ctx, env, name, t)
	if err != nil {
		return nil, err
	}
	defer stop()
	err = env.Interleave(ctx, len(stores), func(ctx context.Context, _, i int) error {
		dir, err := env.TempDir("ingest")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if err := stores[i].run(ctx, t, dir, &stores[i].row); err != nil {
			return fmt.Errorf("%s: %w", stores[i].row.Subject, err)
		}
		return nil
	})
	var rows []result.Row
	for _, s := range stores {
		rows = append(rows, s.row)
	}
	return rows, err
}

// stores returns those that can be measured here; stop ends what they share.
func stores(ctx context.Context, env *scenario.Env, name string, t *trace) (list []store, stop func(), err error) {
	parameters := map[string]string{"events": strconv.Itoa(len(t.events)), "videos": strconv.Itoa(len(t.videos))}
	add := func(subject, note string, run func(context.Context, *trace, string, *result.Row) error) {
		list = append(list, store{result.Row{Scenario: name, Subject: subject, Parameters: parameters, Note: note}, run})
	}
	calls := newCalls(t)
	of := func(binary string) func(context.Context, *trace, string, *result.Row) error {
		return (&service{env: env, binary: binary, calls: calls}).run
	}
	add(Tidemark, "durable, folded, and each repeat known as one before the answer", of(env.Tidemark))
	for _, name := range slices.Sorted(maps.Keys(env.Also)) {
		add(Tidemark+"-"+name, "another working copy", of(env.Also[name]))
	}
	add(JetStream, "SyncAlways, one in flight, the events encoded beforehand", newRawBatches(t).run)
	peers, stop, err := startPeers(ctx, env)
	if err != nil {
		return nil, nil, err
	}
	if peers.postgres != "" {
		add(Postgres, "durable; a repeat counts twice", peers.upsert)
	}
	if peers.redis != "" {
		add(RedisAdds, lossyNote, peers.adds(false))
		add(RedisExact, "not durable; of likes a repeat counts once", peers.adds(true))
	}
	return list, stop, nil
}
