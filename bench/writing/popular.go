package writing

import (
	"math/rand/v2"
	"strconv"

	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/world"
	"github.com/tidemark-io/tidemark/events"
)

const (
	// popularUsers is how many users act.
	popularUsers = 200_000
	// repeatedWithin is how soon a repeat comes, as retries do.
	repeatedWithin = 4096
)

// popularTrace returns as many events of as many videos, which are drawn by
// popularity: of a hundred that are new, 70 are views, 25 likes and 5 comments, and
// one event in twenty is a repeat of an earlier one. The trace of the file has some
// hundred videos, of which a store sums up a batch into a row each; this one is what
// a store has that keeps them all.
func popularTrace(count, videos int) *trace {
	random, draw := rand.New(rand.NewPCG(19, 5)), world.Videos(videos).NewDraw(19)
	first := events.TimeOf(world.Start())
	t := &trace{events: make([]occurrence, 0, count)}
	for n := range count {
		if n >= repeatedWithin && random.IntN(20) == 0 {
			t.events = append(t.events, t.events[n-1-random.IntN(repeatedWithin)])
			continue
		}
		o := occurrence{
			kind: events.TypeVideoViewed, id: "event-" + strconv.Itoa(n), source: "gateway", time: first + events.Time(20*n),
			video: history.Video(draw.Video()), user: history.User(random.IntN(popularUsers)),
		}
		switch share := random.IntN(100); {
		case share < 5:
			o.kind, o.item = events.TypeCommentCreated, named[events.ItemID](o.id)
		case share < 30:
			o.kind = events.TypeVideoLiked
		}
		t.events = append(t.events, o)
	}
	t.count()
	return t
}
