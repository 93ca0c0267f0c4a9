package main

import (
	"context"
	"fmt"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tidemark-io/tidemark/bench/world"
)

// postgresURL is where PostgreSQL takes connections.
type postgresURL struct {
	URL string `name:"url" required:"" help:"Connection string, with a Unix socket."`
}

type postgresCmd struct {
	listen
	postgresURL
	Connections int32 `default:"8" help:"Connections of the pool: some for each core are the fastest."`
}

// pgx prepares the statement once on each connection, by itself.
const selectVideos = `select id, view_count, like_count, comment_count, remix_count, glitch_count from videos where id = any($1)`

// Run serves with one query a request.
func (p *postgresCmd) Run(ctx context.Context) error {
	config, err := pgxpool.ParseConfig(p.URL)
	if err != nil {
		return fmt.Errorf("--url: %w", err)
	}
	config.MaxConns, config.MinConns = p.Connections, p.Connections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer pool.Close()
	return p.serveGin(ctx, answering(func(c *gin.Context, b *batch) error {
		rows, err := pool.Query(c.Request.Context(), selectVideos, b.ids)
		if err != nil {
			return err
		}
		places := make(map[[16]byte]int, len(b.ids)) // rows come in any order
		for i, id := range b.ids {
			places[id] = i
		}
		var id [16]byte
		var n [5]int64
		_, err = pgx.ForEachRow(rows, []any{&id, &n[0], &n[1], &n[2], &n[3], &n[4]}, func() error {
			i := places[id]
			b.counts[i], b.found[i] = n, true
			return nil
		})
		return err
	}))
}

type fillPostgresCmd struct {
	postgresURL
	Videos int `required:"" help:"How many videos there are."`
}

// Run makes the table, fills it by COPY and lets PostgreSQL tidy it up.
func (f *fillPostgresCmd) Run(ctx context.Context) error {
	db, err := pgx.Connect(ctx, f.URL)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer db.Close(ctx)
	_, err = db.Exec(ctx, `create table videos (id uuid primary key, view_count bigint not null, like_count bigint not null,
		comment_count bigint not null, remix_count bigint not null, glitch_count bigint not null)`)
	if err != nil {
		return fmt.Errorf("make the table: %w", err)
	}
	columns := []string{"id", "view_count", "like_count", "comment_count", "remix_count", "glitch_count"}
	_, err = db.CopyFrom(ctx, pgx.Identifier{"videos"}, columns, pgx.CopyFromSlice(f.Videos, func(v int) ([]any, error) {
		n := world.Counts(v)
		return []any{world.ID(v), n[0], n[1], n[2], n[3], n[4]}, nil
	}))
	if err != nil {
		return fmt.Errorf("fill the table: %w", err)
	}
	if _, err = db.Exec(ctx, "vacuum analyze videos"); err != nil {
		return fmt.Errorf("vacuum the table: %w", err)
	}
	return nil
}
