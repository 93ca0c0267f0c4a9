package blackbox

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// Redrives, drops, rebuilds and repairs are killed half way, beside views that come in
// and snapshots that are taken all the time. In the end every dead letter that was
// redriven counts once, those that were dropped never do, and a look back from what the
// snapshots hold says the same.
func TestKilledRedrivesAndSnapshotsLeaveAServiceThatIsRight(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	s := start(t, "--nats-url", n.url, "--wait-limit", patience.String(), "--snapshot-interval", "20ms", "--snapshots-kept", "2", "--checkpoint-interval", "20ms")
	s.expects = `msg="run failed"` // there may be nothing to go back to
	w := worldOf(t, s)
	live, letters, dropped := newID(), newID(), newID()
	views, early := 0, 0
	for cycle := range 6 {
		var entries []events.Entry
		for i := range 6 {
			entries = append(entries, aheadView(letters, fmt.Sprint(cycle, " ", i), time.Second), aheadView(dropped, fmt.Sprint(cycle, " ", i), time.Hour))
			early++
		}
		n.publish(recordBatch(entries...))
		eventually(t, "the dead letters to be there", func() (bool, string) {
			now := len(w.letters("?limit=200"))
			return now > 6*cycle, strconv.Itoa(now)
		})
		kinds := []string{"rebuild", "repair", "rollback"}
		w.admin().post("/v1/admin/replay/"+kinds[cycle%3], obj{"reason": "r"}).wantOneOf(202, 409)
		for until := time.Now().Add(time.Duration(cycle*40) * time.Millisecond); time.Now().Before(until); {
			w.admin().post("/v1/admin/dead-letters/redrive", obj{"all": true, "limit": 7, "reason": "r"}).want(200)
			w.service().views(live)
			views++
		}
		s.Kill()
		s.Restart(t)
		w.restful()
		if got := w.views(live); got != views {
			t.Fatalf("cycle %d: %d views, %d were acknowledged", cycle, got, views)
		}
	}
	eventually(t, "all that was early to count", func() (bool, string) {
		w.admin().post("/v1/admin/dead-letters/redrive", obj{"all": true, "limit": 400, "reason": "r"}).want(200)
		got := w.views(letters)
		return got >= early, strconv.Itoa(got)
	})
	w.replayFree("dead-letters", "drop", "--all", "--reason", "nobody waits for them").exits(exitFine)
	got := w.views(letters)
	if got != early || w.views(dropped) != 0 {
		t.Errorf("%d views of %d that were early, %d of what was dropped", got, early, w.views(dropped))
	}
	w.replayFree("verify").exits(exitFine).says("differences    0")
	w.replayFree("verify", "--from-snapshot").exits(exitFine).says("differences    0")
	then := w.replayFree("at", "--position", "end", "video", live, letters, "--json").exits(exitFine).json()
	for i, want := range []int{views, got} {
		if counted := then["videos"].([]any)[i].(obj)["view_count"]; counted != float64(want) {
			t.Errorf("looked back to %v views, want %d", counted, want)
		}
	}
}
