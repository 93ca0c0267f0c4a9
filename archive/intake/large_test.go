package intake

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/tidemark-io/tidemark/archive/archivetest"
	"github.com/tidemark-io/tidemark/events"
)

// TestATransactionOfVeryManyRows comes in batches of the usual size, each sent before more
// is read, and in order.
func TestATransactionOfVeryManyRows(t *testing.T) {
	const rows = 50_000
	w := newWorld(t)
	w.mapsLikes("app.likes")
	w.captures()
	w.exec(`BEGIN`)
	w.exec(`INSERT INTO app.likes SELECT 1, u FROM generate_series(1, $1::int) u`, rows)
	w.exec(`DELETE FROM app.likes WHERE user_id > $1::int - 100`, rows)
	w.exec(`COMMIT`)
	taken, under := 0, 0
	sink := sinkFunc(func(_ context.Context, batch [][]byte) (Outcome, error) {
		if under++; under > 1 {
			t.Error("a batch is sent while another is")
		}
		if len(batch) > maxBatchEvents {
			t.Errorf("%d events in a batch", len(batch))
		}
		taken += len(batch)
		under--
		return Outcome{Accepted: len(batch)}, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	if err := w.capture(sink).Run(ctx); err != nil || ctx.Err() != nil {
		t.Fatal(err, ctx.Err())
	}
	if taken != rows+100 {
		t.Errorf("%d events, want %d", taken, rows+100)
	}
}

// TestManyLargeRowsFitTheService: it takes no command that is larger than a record batch.
func TestManyLargeRowsFitTheService(t *testing.T) {
	w := newWorld(t)
	w.seed()
	const large = `INSERT INTO app.notifications (id, user_id, kind, body) SELECT i, 1, 'like', to_jsonb(repeat('x', 4000)) FROM generate_series($1::int, $1 + 499) i`
	w.exec(large, 10_000)
	if bad := w.imports(w.counts).Bad(); bad != 0 {
		t.Errorf("%d rows are not in", bad)
	}
	w.captures()
	w.exec(large, 20_000)
	w.captures()
}

// TestTextIsUTF8WhateverTheDatabaseKeepsItIn: conditions hold, and keys become the IDs that
// the documentation says.
func TestTextIsUTF8WhateverTheDatabaseKeepsItIn(t *testing.T) {
	s := archivetest.Start(t)
	w := newWorldOn(t, s.URL("postgres"))
	w.exec(`CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`)
	w = newWorldOn(t, s.URL("latin"))
	w.maps(`{becomes: likes, table: app.hearts, columns: {video_id: video_id, user_id: fan}, where: {state: gültig}}`)
	w.exec(`CREATE TABLE app.hearts (video_id bigint, fan text, state text DEFAULT 'g' || chr(252) || 'ltig', PRIMARY KEY (video_id, fan))`)
	w.exec(`INSERT INTO app.hearts VALUES (1, chr(228))`)
	var sent []string
	sink := sinkFunc(func(ctx context.Context, batch [][]byte) (Outcome, error) {
		for _, e := range batch {
			sent = append(sent, string(e))
		}
		return w.counts.Send(ctx, batch)
	})
	for _, more := range []string{`INSERT INTO app.hearts VALUES (1, chr(246))`, `SELECT 1`} {
		if err := w.capture(sink).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.exec(more)
	}
	w.wantLikes(1, 2)
	for _, fan := range []string{"user:ä", "user:ö"} {
		id := events.UserID(uuid.NewSHA1(uuid.NameSpaceOID, []byte(fan))).String()
		if !slices.ContainsFunc(sent, func(e string) bool { return strings.Contains(e, id) }) {
			t.Errorf("no event of %s", fan)
		}
	}
}
