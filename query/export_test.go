package query

import (
	"context"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// empties are so many messages with nothing in them, of which one was stored a second.
type empties uint64

func (n empties) Bounds(context.Context) (first, last uint64, err error) { return 1, uint64(n), nil }

func (n empties) Read(_ context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	for seq := from; seq <= to; seq++ {
		if err := fn(eventlog.Message{Seq: seq, Stored: time.Unix(int64(seq), 0)}); err != nil {
			return err
		}
	}
	return nil
}

// An export has one entry in the audit however many pages it has, and whatever else the
// caller reads meanwhile has its own.
func TestEveryExportIsAudited(t *testing.T) {
	var said []string
	w := newWorld(t, func(cfg *Config) {
		cfg.Replay = &Replay{Source: empties(3500), Audit: func(_ context.Context, a replay.Action) (at events.Position, err error) {
			said = append(said, string(a.Outcome().Request))
			return at, nil
		}}
	})
	for _, page := range []struct {
		query  string
		caller int
		says   string // in an entry; nothing where the page has none
		after  time.Duration
	}{
		{query: "", says: `{"from":1}`},
		{query: "?from=1001"},
		{query: "?from=5&to=6", says: `{"from":5,"to":6}`},
		{query: "?from=7&to=8", says: `{"from":7,"to":8}`},
		{query: "?from=2001&to=3400", says: `{"from":2001,"to":3400}`},
		{query: "?from=2001", caller: 1, says: `{"from":2001}`},
		{query: "?from=2001"},
		{query: "?from=2001", says: `{"from":2001}`},
		{query: "?from=3001&to=3400", after: exportPause},
		{query: "?from=3001", after: time.Second, says: `{"from":3001}`},
		{query: "?from=3501"},
	} {
		said = nil
		w.advance(page.after)
		w.want(w.do("GET", "/v1/admin/replay/export"+page.query, "", "Authorization", bearer(t, userID(page.caller), api.RoleAdmin)), 200, "")
		var want []string
		if page.says != "" {
			want = []string{page.says}
		}
		if len(said) != len(want) || len(said) > 0 && said[0] != want[0] {
			t.Errorf("%q of caller %d: the audit says %q, want %q", page.query, page.caller, said, want)
		}
	}
}

// TestATimeIsLookedForAtOnce, and of that nothing is said in the audit: it would be an
// entry for each message that is looked at.
func TestATimeIsLookedForAtOnce(t *testing.T) {
	w := newWorld(t, func(cfg *Config) {
		cfg.Replay = &Replay{Source: empties(3500), Audit: func(context.Context, replay.Action) (at events.Position, err error) {
			t.Error("it is in the audit")
			return at, nil
		}}
	})
	for at, want := range map[string]struct {
		status int
		body   string
	}{
		"1970-01-01T00:20:00.5Z": {200, `{"sequence":1200}`}, "1970-01-01T00:00:00Z": {200, `{"sequence":0}`}, "2026-01-01T00:00:00Z": {200, `{"sequence":3500}`},
		"17": {200, `{"sequence":17}`}, "end": {200, `{"sequence":3500}`}, "3501": {404, ""}, "yesterday": {422, ""},
	} {
		w.want(w.do("GET", "/v1/admin/replay/point?at="+at, "", "Authorization", bearer(t, userID(0), api.RoleAdmin)), want.status, want.body)
	}
	w.want(w.do("GET", "/v1/admin/replay/point", "", "Authorization", bearer(t, userID(0), api.RoleAdmin)), 422, "")
}
