package archivetest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// databases counts the databases that this process has made.
var databases atomic.Int64

// Database makes an empty database for one test and returns its address: on
// the server of TIDEMARK_TEST_POSTGRES_URL where that is set, or else on the
// one given.
func Database(t testing.TB, s *Server) string {
	t.Helper()
	admin := os.Getenv(URLVariable)
	if admin == "" {
		admin = s.URL("postgres")
	}
	name := fmt.Sprintf("tidemark_test_%d_%d", os.Getpid(), databases.Add(1))
	execute(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func execute(t testing.TB, address, sql string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), address)
	if err != nil {
		t.Fatalf("connect to PostgreSQL: %v", err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
