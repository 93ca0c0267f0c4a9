package archive

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// history sums up by how much events change the counters, by video
// and hour of the event's time.
type history struct {
	index map[historyKey]int
	sums  []historySum
	rows  copyRows
}

type historyKey struct {
	video events.VideoID
	hour  int64 // since the Unix epoch
}

type historySum struct {
	historyKey
	counts readmodel.Counts
}

func (h *history) init() { h.index = map[historyKey]int{} }

// keptSums bounds the memory that is kept for the next sums.
const keptSums = 1 << 16

func (h *history) reset() {
	if len(h.sums) > keptSums {
		*h = history{index: map[historyKey]int{}}
		return
	}
	clear(h.index)
	h.sums = h.sums[:0]
	h.rows.reset()
}

// of returns the sums of a video's hour.
func (h *history) of(video events.VideoID, at events.Time) *readmodel.Counts {
	return h.sum(historyKey{video, hourOf(at)})
}

func (h *history) sum(key historyKey) *readmodel.Counts {
	i, ok := h.index[key]
	if !ok {
		i = len(h.sums)
		h.index[key] = i
		h.sums = append(h.sums, historySum{historyKey: key})
	}
	return &h.sums[i].counts
}

func (h *history) add(video events.VideoID, at events.Time, counter events.Counter, delta int64) {
	h.of(video, at)[counter] += delta
}

func (h *history) addCounts(video events.VideoID, at events.Time, delta *readmodel.Counts) {
	sum := h.of(video, at)
	for c := range delta {
		sum[c] += delta[c]
	}
}

// addAll adds what another one has summed up.
func (h *history) addAll(other *history) {
	for i := range other.sums {
		s := &other.sums[i]
		sum := h.sum(s.historyKey)
		for c := range s.counts {
			sum[c] += s.counts[c]
		}
	}
}

const hourMicros = events.Time(time.Hour / time.Microsecond)

func hourOf(t events.Time) int64 {
	hour := t / hourMicros
	if t%hourMicros < 0 {
		hour--
	}
	return int64(hour)
}

// encode writes the sums as rows, in the order of the index that they go to:
// neighbours then lie on one page.
func (h *history) encode() *copyRows {
	slices.SortFunc(h.sums, func(a, b historySum) int {
		return cmp.Or(bytes.Compare(a.video[:], b.video[:]), cmp.Compare(a.hour, b.hour))
	})
	for i := range h.sums {
		s := &h.sums[i]
		if s.counts == (readmodel.Counts{}) {
			continue
		}
		h.rows.row(2 + len(s.counts))
		h.rows.key(s.video)
		h.rows.time(events.Time(s.hour) * hourMicros)
		for _, n := range s.counts {
			h.rows.int8(n)
		}
	}
	return &h.rows
}
