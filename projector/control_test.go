package projector

import (
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// The tests here show that the comparison with the oracle can fail: a checker
// that never does proves nothing.

// mustDiffer fails unless a difference names the key.
func mustDiffer(t *testing.T, found []string, key string) {
	t.Helper()
	if len(found) == 0 {
		t.Fatal("no difference was found")
	}
	for _, f := range found {
		if strings.HasPrefix(f, key) {
			t.Logf("found: %s", f)
			return
		}
	}
	t.Fatalf("no difference names %q:\n%s", key, strings.Join(found, "\n"))
}

func videoKey(name string) string { return "video " + events.VideoID(name16(name)).String() }

func TestComparisonFindsAnOffByOne(t *testing.T) {
	b := newBoth(t)
	b.events(testTime, "video.viewed v1", "video.viewed v2")
	b.equal()
	b.fold.model.Begin(2, testTime)
	b.fold.model.AddView(name16("v2"), events.TimeOf(testTime))
	b.fold.model.Publish(0)
	mustDiffer(t, differences(b.oracle, b.fold.model), videoKey("v2")+" counts")
}

func TestComparisonFindsThatNothingIsDeduplicated(t *testing.T) {
	log := []eventlog.Message{
		ownMessage(1, testTime, bare(t, testTime, "video.viewed v1 @0 id=x")...),
		ownMessage(2, testTime, bare(t, testTime, "video.viewed v1 @0 id=x")...),
	}
	want := recount(log)
	f := newFold()
	log[1] = ownMessage(2, testTime, bare(t, testTime, "video.viewed v1 @0")...) // without its identity
	foldAll(t, f, log)
	mustDiffer(t, differences(want, f.model), videoKey("v1")+" counts")
}

func TestComparisonFindsALostEvent(t *testing.T) {
	for _, lost := range []struct{ line, key string }{
		{"video.liked v1 u2", videoKey("v1") + " counts"},
		{"video.viewed v3", videoKey("v3") + " counts"},
		{"video.deleted v1", videoKey("v1") + " known, deleted"},
		{"comment.created v1 c9 u1", videoKey("v1") + " comment"},
		{"account.blocked u1", "account " + events.UserID(name16("u1")).String()},
		{"job.updated j1 progress=4", "job " + events.JobID(name16("j1")).String()},
		{"notification.read u1 n1", "notifications of " + events.UserID(name16("u1")).String()},
		{"user.blocked u1 b1", "blocks of " + events.UserID(name16("u1")).String()},
		{"video.viewed v1 @301", "dead letters"},
		{"video.unliked v1 u1", "trending 1 in window"},
	} {
		before := []string{"video.viewed v1", "video.liked v1 u1", "job.created j1 u1", "notification.sent n1 u1 in=x"}
		t.Run(lost.line, func(t *testing.T) {
			whole := []eventlog.Message{ownMessage(1, testTime, bare(t, testTime, append(before, lost.line)...)...)}
			f := newFold()
			foldAll(t, f, []eventlog.Message{ownMessage(1, testTime, bare(t, testTime, before...)...)})
			mustDiffer(t, differences(recount(whole), f.model), lost.key)
		})
	}
}

func TestDigestFindsALostEvent(t *testing.T) {
	log := manyEvents(t, 1, 3)
	a, b := newFold(), newFold()
	foldAll(t, a, log)
	log[1] = ownMessage(2, testTime, bare(t, testTime, "video.viewed v1")...)
	foldAll(t, b, log)
	if x, y := a.model.Digest(), b.model.Digest(); x.Tables == y.Tables {
		t.Errorf("%+v and %+v", x, y)
	}
}
