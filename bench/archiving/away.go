package archiving

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/bench/world"
)

// Away is the scenario of a database that does not answer, and its subjects.
const (
	Away     = "archive/away"
	Without  = "no archive"
	Dead     = "a database that is away"
	commands = "commands"
	queries  = "queries"
)

// callers are few, so that a delay shows and is not hidden in a queue.
const callers = 4

func awayGoals() (goals []result.Goal) {
	for _, kind := range []string{commands, queries} {
		row := func(subject string) result.Selector {
			return result.Selector{Scenario: Away, Subject: subject, Parameters: map[string]string{"of": kind}}
		}
		goals = append(goals, result.Goal{
			What: kind + " beside a database that is away, p99 to that without an archive", Figure: result.P99, Of: row(Dead), To: row(Without), Limit: 1.1,
		})
	}
	return goals
}

func away(ctx context.Context, env *scenario.Env) (rows []result.Row, err error) {
	var servers []*process.Tidemark
	defer func() {
		for _, s := range servers {
			_ = s.Stop()
		}
	}()
	subjects := []string{Without, Dead}
	for _, subject := range subjects {
		dir, err := env.TempDir("away")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		var flags []string
		if subject == Dead {
			flags = []string{"--postgres-url", "postgres:///nowhere?host=" + dir}
		}
		s, err := process.StartTidemark(ctx, env.Tidemark, dir, env.GOGC, flags...)
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
		for _, kind := range []string{commands, queries} {
			rows = append(rows, result.Row{Scenario: Away, Subject: subject, Parameters: map[string]string{"of": kind}})
		}
	}
	err = env.Interleave(ctx, len(rows), func(ctx context.Context, _, i int) error {
		report, err := ask(ctx, env, servers[i/2].Address, i%2 == 0)
		if err != nil {
			return fmt.Errorf("%s: %w", rows[i].Subject, err)
		}
		rows[i].Add(result.P50, result.Milliseconds, report.Latency.Quantile(0.5))
		rows[i].Add(result.P99, result.Milliseconds, report.Latency.Quantile(0.99))
		rows[i].Add(result.Rate, result.PerSecond, report.Rate())
		return nil
	})
	return rows, err
}

// ask lets callers view one video, or ask for twenty, for a window.
func ask(ctx context.Context, env *scenario.Env, address string, command bool) (*load.Report, error) {
	exchange := load.Exchange{Request: load.Post("/v1/videos/batch-metadata", world.AppendBatchRequest(nil, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}))}
	if command {
		path := "/v1/videos/" + string(world.AppendUUID(nil, world.ID(1))) + "/views"
		exchange = load.Exchange{Request: load.Build("POST", path, "", nil), Status: http.StatusAccepted}
	}
	pool, err := load.Dial(ctx, address, callers)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	return pool.Run(ctx, load.Plan{Script: load.NewCycle([]load.Exchange{exchange}, callers), Duration: env.Window()})
}
