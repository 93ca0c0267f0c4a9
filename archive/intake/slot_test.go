package intake

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/tidemark-io/tidemark/archive/archivetest"
)

// TestCaptureStopsWhereItsPublicationIsGone: made anew, it tells nothing from
// before, and Postgres does not get past that.
func TestCaptureStopsWhereItsPublicationIsGone(t *testing.T) {
	for _, name := range []string{"gone", "made anew"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mapsLikes("app.likes")
			w.captures()
			w.exec("INSERT INTO app.likes VALUES (1, 1)")
			w.exec("DROP PUBLICATION " + w.slot)
			w.exec("INSERT INTO app.likes VALUES (1, 2)")
			if name == "made anew" {
				w.exec("CREATE PUBLICATION " + w.slot + " FOR TABLE app.likes WITH (publish_via_partition_root)")
			}
			w.stops(ErrPublicationGone, "--drop")
			w.forgets()
			w.captures()
			w.wantLikes(1, 2)
		})
	}
}

// TestASlotOfAnotherIsLeftAlone: all databases of a cluster share the names of slots.
func TestASlotOfAnotherIsLeftAlone(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	w.mapsLikes("app.likes")
	w.captures()
	own := other.slot
	other.slot = w.slot
	other.mapsLikes("app.likes")
	other.stops(ErrSetUp, "another --slot")
	if err := Drop(t.Context(), other.url, other.slot); err != nil {
		t.Error(err)
	}
	other.slot = own
	w.exec("INSERT INTO app.likes VALUES (1, 1)")
	w.captures()
	w.wantLikes(1, 1)
}

func TestAPublicationOfAnotherIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.mapsLikes("app.likes")
	w.exec("CREATE PUBLICATION " + w.slot + " FOR TABLE app.comments")
	w.stops(ErrSetUp, "of other tables")
	var tables string
	err := w.conn.QueryRow(t.Context(), "SELECT string_agg(tablename, ',') FROM pg_publication_tables WHERE pubname = $1", w.slot).Scan(&tables)
	if err != nil || tables != "comments" {
		t.Errorf("the publication is of %s, %v", tables, err)
	}
}

// TestASlotThatFellBehindIsNoticed: Postgres throws away what it would keep beyond
// its bound.
func TestASlotThatFellBehindIsNoticed(t *testing.T) {
	t.Parallel()
	s := archivetest.Start(t)
	s.Stop(archivetest.Fast)
	s.Configure("max_slot_wal_keep_size = 2MB\nmax_wal_size = 2MB")
	s.Launch()
	w := newWorldOn(t, s.URL("postgres"))
	w.mapsLikes("app.likes")
	w.captures()
	w.exec("CREATE TABLE app.noise (text text)")
	w.exec("INSERT INTO app.noise SELECT repeat('x', 100) FROM generate_series(1, 100000)")
	w.exec("INSERT INTO app.likes VALUES (1, 1)")
	w.exec("CHECKPOINT")
	w.stops(ErrSlotGone, "--drop")
	w.forgets()
	w.captures()
	w.wantLikes(1, 1)
}

// TestASecondCaptureWaitsForTheFirst takes over when that has ended.
func TestASecondCaptureWaitsForTheFirst(t *testing.T) {
	w := newWorld(t)
	w.mapsLikes("app.likes")
	w.captures()
	w.exec("INSERT INTO app.likes VALUES (1, 1)")
	first := w.capture(w.counts)
	first.UntilCaughtUp = false
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- first.Run(ctx) }()
	awaitTransactions(t, first, 1)
	second := make(chan error, 1)
	go func() { second <- w.capture(w.counts).Run(t.Context()) }()
	w.exec("INSERT INTO app.likes VALUES (1, 2)")
	awaitTransactions(t, first, 2)
	select {
	case err := <-second:
		t.Errorf("the second has ended beside the first: %v", err)
	default:
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
	w.wantLikes(1, 2)
}

// TestAnOlderDatabaseIsNoticed: the transactions that follow lie where others lay,
// and must not pass for those.
func TestAnOlderDatabaseIsNoticed(t *testing.T) {
	for name, goesOn := range map[string]int{"at once": 0, "after it has gone on": 40} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := archivetest.Start(t)
			w := newWorldOn(t, s.URL("postgres"))
			w.mapsLikes("app.likes")
			w.captures()
			s.Stop(archivetest.Fast)
			backup := filepath.Join(t.TempDir(), "backup")
			s.Backup(backup)
			s.Launch()
			w.conn = w.connect()
			w.exec("INSERT INTO app.likes SELECT 1, u FROM generate_series(1, 10) u")
			w.captures()
			s.Stop(archivetest.Fast)
			s.Restore(backup)
			s.Launch()
			w.conn = w.connect()
			for u := range goesOn {
				w.exec("INSERT INTO app.likes VALUES (1, $1)", 5+u)
			}
			w.stops(ErrRewound, "--drop")
			w.forgets()
			w.captures()
			w.wantLikes(1, int64(max(10, 4+goesOn)))
		})
	}
}
