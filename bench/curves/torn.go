package curves

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/world"
	"github.com/tidemark-io/tidemark/events"
)

// twins is how many videos have equal counters at every
// position of the log: each record batch sets all five of each to one number. An
// answer that shows anything else was put together from two positions.
const twins = 20

// twin returns the number of the i-th of them: they lie behind all others, so that
// nobody views them.
func twin(videos, i int) int { return videos + i }

// setTwins makes the entries that set all twins' counters to n.
func setTwins(entries []events.Entry, videos int, n int64) {
	for i := range entries {
		data := events.CounterBaseline{Video: history.Video(twin(videos, i)), Source: []byte("twins"), Set: 1<<events.CounterCount - 1}
		for c := range data.Values {
			data.Values[c] = n
		}
		meta := events.Meta{Type: events.TypeCounterBaseline, Time: events.TimeOf(world.Start())}
		entries[i] = events.Entry{Bytes: events.AppendEvent(entries[i].Bytes[:0], meta, data), Events: 1}
	}
}

// torn is a script whose answers change, because their counters do: it checks
// that each names its videos, and that the counters of the last of them, a twin,
// belong together.
type torn struct {
	*load.Cycle
}

func newTorn(videos, connections int) torn {
	draw := world.Videos(videos).NewDraw(3)
	list := make([]load.Exchange, requestsKept)
	for i := range list {
		asked := append(draw.Distinct(ids-1), twin(videos, i%twins))
		list[i].Request = load.Post(batchPath, world.AppendBatchRequest(nil, asked))
	}
	return torn{load.NewCycle(list, connections)}
}

// Check judges one answer.
func (t torn) Check(connection int, a *load.Answer) error {
	if err := t.Cycle.Check(connection, a); err != nil {
		return err
	}
	if n := bytes.Count(a.Body, []byte(`"view_count":`)); n != ids {
		return fmt.Errorf("an answer names %d videos, %d were asked for: %.300s", n, ids, a.Body)
	}
	counters, err := lastCounters(a.Body)
	if err != nil {
		return err
	}
	for _, n := range counters {
		if n != counters[0] {
			return fmt.Errorf("a torn answer: these counters never were together: %v", counters)
		}
	}
	return nil
}

// lastCounters reads the counters of the last video of an answer.
func lastCounters(body []byte) (counters [events.CounterCount]int64, err error) {
	rest := body[bytes.LastIndexByte(body[:len(body)-2], '{')+1:]
	for i := range counters {
		_, rest, _ = bytes.Cut(rest, []byte(":"))
		end := bytes.IndexAny(rest, ",}")
		if end < 0 {
			return counters, fmt.Errorf("an answer ends with %.300s", body[max(0, len(body)-300):])
		}
		if counters[i], err = strconv.ParseInt(string(rest[:end]), 10, 64); err != nil {
			return counters, fmt.Errorf("read a counter: %w", err)
		}
	}
	return counters, nil
}
