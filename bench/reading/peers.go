package reading

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// startRedis starts and fills Redis, and a server for each of its clients.
func (st *stage) startRedis(ctx context.Context, env *scenario.Env) error {
	dir, err := env.TempDir("redis")
	if err != nil {
		return err
	}
	redis, err := process.StartRedis(ctx, dir)
	if err != nil {
		return missed(env, err)
	}
	st.stores = append(st.stores, redis.Server)
	if err := st.fillPeer(ctx, env, redis.Server, "fill-redis", "--socket", redis.Socket); err != nil {
		return err
	}
	for _, client := range []string{"rueidis", "go-redis"} {
		s := &subject{name: "redis-" + client, store: redis.Server, note: "pipelined HMGET over a Unix socket; Redis as it comes, without persistence"}
		if err := st.startPeer(ctx, env, s, client, "--socket", redis.Socket); err != nil {
			return err
		}
	}
	return nil
}

// startPostgres starts and fills PostgreSQL, and a server that reads from it.
func (st *stage) startPostgres(ctx context.Context, env *scenario.Env) error {
	dir, err := env.TempDir("postgres")
	if err != nil {
		return err
	}
	db, err := process.StartPostgres(ctx, dir)
	if err != nil {
		return missed(env, err)
	}
	st.stores = append(st.stores, db.Server)
	if err := st.fillPeer(ctx, env, db.Server, "fill-postgres", "--url", db.URL); err != nil {
		return err
	}
	s := &subject{name: postgresPgx, store: db.Server, note: "id = ANY($1), prepared, 8 connections over a Unix socket; the table is in shared buffers"}
	return st.startPeer(ctx, env, s, "postgres", "--url", db.URL)
}

// missed notes a peer that is not installed; every other error stays one.
func missed(env *scenario.Env, err error) error {
	var missing *process.MissingError
	if errors.As(err, &missing) {
		env.Miss("as a way to read counters: " + missing.Error())
		return nil
	}
	return err
}

// fillPeer puts the videos into a store and waits until it has tidied up.
func (st *stage) fillPeer(ctx context.Context, env *scenario.Env, store *process.Server, command string, args ...string) error {
	env.Logger.Info("filling", "command", command, "videos", int(st.videos))
	fill := exec.CommandContext(ctx, env.Peers, append([]string{command, "--videos", fmt.Sprint(int(st.videos))}, args...)...)
	if said, err := fill.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, said)
	}
	return store.Quiet(ctx, env.Quiet())
}
