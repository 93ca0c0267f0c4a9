package projector

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// TestItemsAreJudgedAlikeWhoeverLooksBelow folds items that come again and again,
// with what was found out about each record batch some messages before it is folded,
// and with checkpoints in between: what was not below then may lie there now.
func TestItemsAreJudgedAlikeWhoeverLooksBelow(t *testing.T) {
	store, err := checkpoint.Open(t.TempDir(), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	e := &edition{store: store, cfg: &Config{Now: time.Now, Logger: slog.New(slog.DiscardHandler)}, stats: new(stats)}
	e.begin(readmodel.New(testModelConfig()))
	plain, aheads, random := newFold(), new(sync.Pool), rand.New(rand.NewPCG(1, 2))
	var want []readmodel.Digest // after each message
	var waiting []*decodedMessage
	foldNext := func() {
		msg := waiting[0]
		waiting = waiting[1:]
		if err := e.foldMessage(msg); err != nil {
			t.Fatal(err)
		}
		if got := e.model.Digest(); got != want[msg.Seq-1] {
			t.Fatalf("message %d: %v, want %v", msg.Seq, got, want[msg.Seq-1])
		}
		if random.IntN(4) > 0 {
			return
		}
		if err := e.saveNow(frozen{}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 300 {
		m := ownMessage(uint64(n+1), testTime, drawnItems(random)...)
		if err := plain.message(decode(m)); err != nil {
			t.Fatal(err)
		}
		want = append(want, plain.model.Digest())
		waiting = append(waiting, decode(m).lookAhead(e.model, aheads))
		for ahead := random.IntN(4); len(waiting) > ahead; {
			foldNext()
		}
	}
	for len(waiting) > 0 {
		foldNext()
	}
}

// drawnItems returns events of comments, remixes and glitches, of which there are few.
func drawnItems(random *rand.Rand) (entries []events.Entry) {
	for range 1 + random.IntN(6) {
		meta := events.Meta{Type: events.TypeCommentCreated + events.Type(random.IntN(6)), Time: events.TimeOf(testTime), Arrival: true}
		item := events.VideoItem{Video: pooled('v', random.IntN(2)), Item: pooled('c', random.IntN(60)), Author: pooled('u', random.IntN(3))}
		entries = append(entries, events.Entry{Bytes: events.AppendEvent(nil, meta, item), Events: 1})
	}
	return entries
}
