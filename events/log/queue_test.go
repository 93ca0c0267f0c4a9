package log

import (
	"slices"
	"testing"

	"github.com/tidemark-io/tidemark/events"
)

// queuedEntries is a queue of entries with that many events each, in that order.
func queuedEntries(counts ...int) *queue {
	q := &queue{}
	q.add(counts...)
	return q
}

func (q *queue) add(counts ...int) {
	for _, n := range counts {
		q.push(&waiter{entry: events.Entry{Bytes: make([]byte, n), Events: n}})
	}
}

// takeCounts takes a batch and returns how many events each of its entries has.
func (q *queue) takeCounts() []int {
	var counts []int
	for _, w := range q.take(nil) {
		counts = append(counts, w.entry.Events)
	}
	return counts
}

func TestSmallAndLargeEntriesLeadBatchesInTurn(t *testing.T) {
	q := queuedEntries(1000, 1000, 1, 1)
	for step, want := range []struct{ add, batch []int }{
		{nil, []int{1, 1}},
		{[]int{1}, []int{1000}},
		{nil, []int{1}},
		{[]int{2}, []int{1000}},
		{nil, []int{2}},
		{[]int{600, 600}, []int{600}}, // alone, so that nobody was passed over
		{[]int{3}, []int{3, 600}},     // what is left goes along
		{nil, nil},
	} {
		q.add(want.add...)
		if got := q.takeCounts(); !slices.Equal(got, want.batch) {
			t.Fatalf("batch %d holds entries of %v events, want %v", step, got, want.batch)
		}
	}
	if q.entries != 0 || q.bytes != 0 {
		t.Errorf("an empty queue counts %d entries, %d bytes", q.entries, q.bytes)
	}
}

func TestEntriesOfALaneKeepTheirOrder(t *testing.T) {
	q := queuedEntries(40, 1, 50, 2, 60, 3)
	if got, want := q.takeCounts(), []int{1, 2, 3, 40, 50, 60}; !slices.Equal(got, want) {
		t.Errorf("the batch holds entries of %v events, want %v", got, want)
	}
}

func TestWithdrawnEntryLeavesItsLane(t *testing.T) {
	q := queuedEntries(40, 1, 50, 2)
	q.remove(q.large.head)
	q.remove(q.small.tail)
	if got, want := q.takeCounts(), []int{1, 50}; !slices.Equal(got, want) {
		t.Errorf("the batch holds entries of %v events, want %v", got, want)
	}
}

func TestPopEmptiesBothLanes(t *testing.T) {
	q := queuedEntries(40, 1, 50, 2)
	popped := 0
	for q.pop() != nil {
		popped++
	}
	if popped != 4 || q.entries != 0 {
		t.Errorf("%d entries popped, %d left, want 4 and none", popped, q.entries)
	}
}
