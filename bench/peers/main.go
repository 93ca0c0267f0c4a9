// Command peers is the HTTP side of everything that tidemark is compared with:
// the floor, which answers a constant, and handlers that read the counters from
// Redis or PostgreSQL. Each runs as a process of its own, says "ready" on
// stdout, and serves until it is told to stop. All of them use gin as it comes,
// without middleware, and decode and encode by hand, as tidemark does: what is
// compared is the way to the counters.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/gin-gonic/gin"
)

type cli struct {
	FloorGin     floorGinCmd     `cmd:"" help:"Answer a constant, with gin."`
	FloorNetHTTP floorNetHTTPCmd `cmd:"" name:"floor-nethttp" help:"Answer a constant, with net/http alone."`
	Rueidis      rueidisCmd      `cmd:"" help:"Read from Redis with rueidis."`
	GoRedis      goRedisCmd      `cmd:"" name:"go-redis" help:"Read from Redis with go-redis."`
	Postgres     postgresCmd     `cmd:"" help:"Read from PostgreSQL with pgx."`
	FillRedis    fillRedisCmd    `cmd:"" help:"Put the videos into Redis."`
	FillPostgres fillPostgresCmd `cmd:"" help:"Put the videos into PostgreSQL."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c cli
	parsed := kong.Parse(&c, kong.Name("peers"), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// listen is where a server takes requests.
type listen struct {
	Listen string `required:"" help:"Address of the HTTP server."`
}

// BatchPath is the only route.
const batchPath = "/v1/videos/batch-metadata"

// serveGin serves one handler with gin.
func (l *listen) serveGin(ctx context.Context, handler gin.HandlerFunc) error {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.POST(batchPath, handler)
	return l.serve(ctx, router)
}

func (l *listen) serve(ctx context.Context, handler http.Handler) error {
	listener, err := net.Listen("tcp", l.Listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	server := &http.Server{Handler: handler}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() }) // nobody waits for answers any more
	defer stopped()
	fmt.Println("ready")
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
