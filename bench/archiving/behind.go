package archiving

import (
	"context"
	"os"
	"path/filepath"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/bench/writing"
)

// behind lets a new service take in all that it can without an archive, and then
// archives its log: the first row gets the rate of the one, the second that of the
// other.
func (c *catchup) behind(ctx context.Context, rows []result.Row, load func(*scenario.Env) (*writing.Source, error)) error {
	source, err := load(c.env)
	if err != nil {
		return err
	}
	dir, err := c.env.TempDir("behind")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	rate, err := takeIn(ctx, c.env, dir, source)
	if err != nil {
		return err
	}
	rows[0].Add(result.Events, result.PerSecond, rate)
	log, err := judge(ctx, filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer log.close()
	rate, err = c.archive(ctx, log)
	rows[1].Add(result.Events, result.PerSecond, rate)
	return err
}

// takeIn returns how many events a second a service acknowledged.
func takeIn(ctx context.Context, env *scenario.Env, dir string, source *writing.Source) (float64, error) {
	server, err := process.StartTidemark(ctx, env.Tidemark, dir, env.GOGC)
	if err != nil {
		return 0, err
	}
	defer server.Kill()
	pool, err := load.Dial(ctx, server.Address, source.Connections)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	report, err := pool.Run(ctx, source.Plan)
	if err != nil {
		return 0, err
	}
	return float64(source.Acknowledged()) / report.Seconds, server.Stop()
}
