package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/gin-gonic/gin"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/tidemark-io/tidemark/bench/world"
)

// redisSocket is where Redis takes connections. A Unix socket is the fastest
// way to it.
type redisSocket struct {
	Socket string `required:"" type:"path" help:"Unix socket of Redis."`
}

// A video is a hash of five fields with names of one letter, which Redis keeps
// as one compact list.
const fields = "vlcrg"

func redisKey(id [16]byte) string { return "v:" + string(id[:]) }

func (s *redisSocket) rueidis() (rueidis.Client, error) {
	option, err := rueidis.ParseURL("unix://" + s.Socket)
	if err != nil {
		return nil, err
	}
	option.ForceSingleClient, option.DisableCache = true, true
	return rueidis.NewClient(option)
}

type rueidisCmd struct {
	listen
	redisSocket
}

// Run serves with one pipelined call of rueidis, which also joins the calls of
// concurrent requests.
func (r *rueidisCmd) Run(ctx context.Context) error {
	client, err := r.rueidis()
	if err != nil {
		return fmt.Errorf("connect to Redis: %w", err)
	}
	defer client.Close()
	return r.serveGin(ctx, answering(func(c *gin.Context, b *batch) error {
		commands := make(rueidis.Commands, len(b.ids))
		for i, id := range b.ids {
			commands[i] = client.B().Hmget().Key(redisKey(id)).Field("v", "l", "c", "r", "g").Build()
		}
		for i, answer := range client.DoMulti(c.Request.Context(), commands...) {
			values, err := answer.ToArray()
			if err != nil {
				return err
			}
			for k := range values {
				if values[k].IsNil() {
					break
				}
				if b.counts[i][k], err = values[k].AsInt64(); err != nil {
					return err
				}
				b.found[i] = true
			}
		}
		return nil
	}))
}

type goRedisCmd struct {
	listen
	redisSocket
}

// Run serves with one pipeline of go-redis.
func (g *goRedisCmd) Run(ctx context.Context) error {
	client := goredis.NewClient(&goredis.Options{Network: "unix", Addr: g.Socket, PoolSize: 64})
	defer client.Close()
	return g.serveGin(ctx, answering(func(c *gin.Context, b *batch) error {
		pipe := client.Pipeline()
		commands := make([]*goredis.SliceCmd, len(b.ids))
		for i, id := range b.ids {
			commands[i] = pipe.HMGet(c.Request.Context(), redisKey(id), "v", "l", "c", "r", "g")
		}
		if _, err := pipe.Exec(c.Request.Context()); err != nil {
			return err
		}
		for i, command := range commands {
			for k, value := range command.Val() {
				text, ok := value.(string)
				if !ok {
					break
				}
				n, err := strconv.ParseInt(text, 10, 64)
				if err != nil {
					return err
				}
				b.counts[i][k], b.found[i] = n, true
			}
		}
		return nil
	}))
}

type fillRedisCmd struct {
	redisSocket
	Videos int `required:"" help:"How many videos there are."`
}

// fillBatch is how many videos go into one pipelined call.
const fillBatch = 1000

// Run sets every video's hash.
func (f *fillRedisCmd) Run(ctx context.Context) error {
	client, err := f.rueidis()
	if err != nil {
		return fmt.Errorf("connect to Redis: %w", err)
	}
	defer client.Close()
	for first := 0; first < f.Videos; first += fillBatch {
		var commands rueidis.Commands
		for v := first; v < min(first+fillBatch, f.Videos); v++ {
			set := client.B().Hset().Key(redisKey(world.ID(v))).FieldValue()
			for k, count := range world.Counts(v) {
				set = set.FieldValue(fields[k:k+1], strconv.FormatInt(count, 10))
			}
			commands = append(commands, set.Build())
		}
		for _, answer := range client.DoMulti(ctx, commands...) {
			if err := answer.Error(); err != nil {
				return fmt.Errorf("fill Redis: %w", err)
			}
		}
	}
	return nil
}
