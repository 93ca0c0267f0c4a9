package archivetest

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
)

func count(t *testing.T, address string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), "SELECT count(*) FROM kept").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAServerSurvivesItsStops: what was committed is there after a crash, and
// a copy put back shows what it held.
func TestAServerSurvivesItsStops(t *testing.T) {
	dir := t.TempDir()
	s := StartIn(t, dir)
	address := s.URL("postgres")
	execute(t, address, "CREATE TABLE kept (n int)")
	execute(t, address, "INSERT INTO kept VALUES (1)")
	s.Restart()
	if n := count(t, address); n != 1 {
		t.Fatalf("after a crash %d rows, want 1", n)
	}
	s.Stop(Fast)
	s.Backup(filepath.Join(dir, "backup"))
	s.Launch()
	execute(t, address, "INSERT INTO kept VALUES (2)")
	s.Stop(Fast)
	s.Restore(filepath.Join(dir, "backup"))
	s.Launch()
	if n := count(t, address); n != 1 {
		t.Fatalf("after the restore %d rows, want 1", n)
	}
	s.Freeze()
	s.Thaw()
	execute(t, Database(t, s), "CREATE TABLE kept (n int)")
}
