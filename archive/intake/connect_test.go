package intake

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/archive/archivetest"
)

// TestLimitsOfTheApplicationDoNotEndAnImport: its roles bound what a statement
// may take, and hide rows from each other.
func TestLimitsOfTheApplicationDoNotEndAnImport(t *testing.T) {
	w := newWorld(t)
	w.maps("{becomes: likes, query: 'SELECT 1 AS v, 2 AS u FROM (SELECT pg_sleep(0.3)) AS slept', columns: {video_id: v, user_id: u}}")
	im := Import{Mapping: w.mapping, Sink: w.counts, Concurrency: 1, Now: time.Now}
	if _, _, err := im.RunOn(t.Context(), w.url+"&options=-c%20statement_timeout%3D100"); err != nil {
		t.Error(err)
	}
	w.wantLikes(1, 1)
}

// as returns the database's address for a new role that may read all tables,
// and do what the options say.
func (w *world) as(options string) string {
	w.t.Helper()
	role := w.slot + "_reader"
	w.exec("CREATE ROLE " + role + " LOGIN " + options)
	w.t.Cleanup(func() {
		if _, err := w.conn.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role); err != nil {
			w.t.Error(err)
		}
	})
	w.exec("GRANT USAGE ON SCHEMA app TO " + role + "; GRANT SELECT ON ALL TABLES IN SCHEMA app TO " + role)
	return w.url + "&user=" + role
}

func TestAnImportSeesEveryRowOrNone(t *testing.T) {
	w := newWorld(t)
	w.mapsLikes("app.likes")
	w.exec("INSERT INTO app.likes VALUES (1, 1), (1, 2)")
	w.exec("ALTER TABLE app.likes ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON app.likes USING (user_id = 1)")
	im := Import{Mapping: w.mapping, Sink: w.counts, Concurrency: 1, Now: time.Now}
	if _, _, err := im.RunOn(t.Context(), w.as("")); err == nil || !strings.Contains(err.Error(), "row-level security") {
		t.Errorf("%v", err)
	}
}

func TestCaptureEndsWhereItIsNotLetIn(t *testing.T) {
	for says, address := range map[string]func(w *world) string{
		"does not exist":           func(w *world) string { return w.url + "&user=nobody_at_all" },
		`"nowhere" does not exist`: func(w *world) string { return w.url + "&database=nowhere" },
		"replication role":         func(w *world) string { return w.as("") },
		"publication intake_test":  func(w *world) string { return w.as("REPLICATION") },
	} {
		t.Run(says, func(t *testing.T) {
			w := newWorld(t)
			w.mapsLikes("app.likes")
			direct := w.url
			w.url = address(w)
			w.stops(ErrSetUp, says)
			w.url = direct
		})
	}
}

// TestAServerThatSaysNothingIsNoticed, and followed when it speaks again.
func TestAServerThatSaysNothingIsNoticed(t *testing.T) {
	s := archivetest.Start(t)
	w := newWorldOn(t, s.URL("postgres"))
	w.mapsLikes("app.likes")
	w.captures()
	capture, interrupted := w.capture(w.counts), make(said, 1)
	capture.UntilCaughtUp, capture.lookLimit = false, time.Second
	capture.Logger = slog.New(slog.NewTextHandler(interrupted, nil))
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- capture.Run(ctx) }()
	follows(ctx, t, capture)
	s.Freeze()
	select {
	case text := <-interrupted:
		if !strings.Contains(text, "interrupted") {
			t.Error(text)
		}
	case <-ctx.Done():
		t.Error("nobody notices")
	}
	s.Thaw()
	w.exec("INSERT INTO app.likes VALUES (1, 1)")
	for capture.Stats().Events.Load() == 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	w.wantLikes(1, 1)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
