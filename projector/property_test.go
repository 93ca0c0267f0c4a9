package projector

import (
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/oracle"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// check fails a property where the model is not what a recount gives.
func check(t *rapid.T, what string, want *oracle.State, m *readmodel.Model) {
	if found := differences(want, m); len(found) > 0 {
		t.Fatalf("%s: the read model is not what a recount gives:\n%s", what, strings.Join(found, "\n"))
	}
}

func TestFoldEqualsRecount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, want := newFold(), oracle.New()
		log := drawLog(t, 1, 60)
		for i, m := range messagesOf(log) {
			foldAll(t, f, []eventlog.Message{m})
			want.Fold(recountMessage(&m))
			if found := decidedDifferences(want, f.decided); len(found) > 0 {
				t.Fatalf("outcomes: %s", strings.Join(found, "\n"))
			}
			if i%10 == 9 {
				check(t, "on the way", want, f.model)
			}
		}
		check(t, "at the end", want, f.model)
	})
}

func TestFoldDoesNotDependOnHowEventsAreBatched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := drawLogToCut(t, 1, 40)
		whole, cut := newFold(), newFold()
		foldAll(t, whole, messagesOf(log))
		parts := recut(log)
		foldAll(t, cut, parts)
		check(t, "cut", recount(parts), cut.model)
		for id := range recount(parts).Videos {
			if a, b := showVideo(whole.model, events.VideoID(id)), showVideo(cut.model, events.VideoID(id)); strings.Join(a, ",") != strings.Join(b, ",") {
				t.Fatalf("video %v: in whole batches %s, cut %s", id, a, b)
			}
		}
	})
}

// TestFoldDoesNotDependOnWhoLooksAhead folds a log as it is when nobody has looked
// ahead, and with what was found out where nothing was known yet, where all is, and
// in the model of another log.
func TestFoldDoesNotDependOnWhoLooksAhead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages, other := messagesOf(drawLog(t, 1, 20)), messagesOf(drawLog(t, 0, 10))
		want := newFold()
		foldAll(t, want, messages)
		elsewhere := newFold()
		foldAll(t, elsewhere, other)
		for what, model := range map[string]*readmodel.Model{"an empty model": newFold().model, "another log's": elsewhere.model, "the same log's end": want.model} {
			f, aheads := newFold(), new(sync.Pool)
			for i := range messages {
				msg := decode(messages[i]).lookAhead(model, aheads)
				if err := f.message(msg); err != nil {
					t.Fatalf("fold: %v", err)
				}
				msg.folded()
			}
			if got := f.model.Digest(); got != want.model.Digest() {
				t.Fatalf("looked ahead in %s: %v, want %v", what, got, want.model.Digest())
			}
		}
	})
}

func TestEqualLogsGiveEqualDigests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages := messagesOf(drawLog(t, 1, 40))
		a, b := newFold(), newFold()
		foldAll(t, a, messages)
		foldAll(t, b, messages)
		if a.model.Digest() != b.model.Digest() {
			t.Fatalf("digests %v and %v", a.model.Digest(), b.model.Digest())
		}
	})
}
