package writing

import (
	"context"
	"errors"

	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// startPeers starts Redis and PostgreSQL, those that are installed.
func startPeers(ctx context.Context, env *scenario.Env) (*peers, func(), error) {
	p := new(peers)
	var servers []*process.Server
	stop := func() {
		for _, s := range servers {
			s.Kill() // their data is removed
		}
	}
	for _, start := range []func(context.Context, *scenario.Env, *peers) (*process.Server, error){startRedis, startPostgres} {
		s, err := start(ctx, env, p)
		var missing *process.MissingError
		switch {
		case errors.As(err, &missing):
			env.Miss("as a store of events: " + missing.Error())
		case err != nil:
			stop()
			return nil, nil, err
		default:
			servers = append(servers, s)
		}
	}
	return p, stop, nil
}

func startRedis(ctx context.Context, env *scenario.Env, p *peers) (*process.Server, error) {
	dir, err := env.TempDir("redis")
	if err != nil {
		return nil, err
	}
	r, err := process.StartRedis(ctx, dir)
	if err != nil {
		return nil, err
	}
	p.redis = r.Socket
	return r.Server, nil
}

func startPostgres(ctx context.Context, env *scenario.Env, p *peers) (*process.Server, error) {
	dir, err := env.TempDir("postgres")
	if err != nil {
		return nil, err
	}
	db, err := process.StartPostgres(ctx, dir)
	if err != nil {
		return nil, err
	}
	p.postgres = db.URL
	return db.Server, nil
}
