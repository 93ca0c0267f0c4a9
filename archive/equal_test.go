package archive

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// mustEqual compares the archive with the log and the read model: each message
// byte for byte, each event's row, the fold of the archive, and the history.
func (w *world) mustEqual() {
	w.t.Helper()
	w.caughtUp()
	w.equalMessages()
	w.equalEvents()
	w.equalFold()
	w.equalHistory()
	w.equalAudit()
	w.equalRows()
}

// equalRows has the product compare all rows.
func (w *world) equalRows() {
	w.t.Helper()
	if result := w.compare(); result.Count > 0 || result.Rows == 0 || result.Last != w.archive.Status().Position.Seq {
		w.t.Fatalf("compared: %+v", result)
	}
}

func (w *world) compare() *replay.ArchiveResult {
	w.t.Helper()
	begin := func(o projector.FoldOptions) (replay.Folding, error) { return w.folds(w.free)("the test", o) }
	result, err := w.archive.Compare(testContext(w.t), begin, func(uint64, int) error { return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

// equalAudit compares the entries, as their columns have them, with the read
// model's, and checks their hashes.
func (w *world) equalAudit() {
	w.t.Helper()
	var want []string
	err := w.projector.Read(func(s *readmodel.Snapshot) error {
		return s.EachAudit(func(e *readmodel.AuditEntry) bool {
			want = append(want, fmt.Sprintf("%+v", *e))
			return true
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	n, chain := 0, readmodel.AuditChain{}
	_, err = w.archive.EachAudit(testContext(w.t), func(e *readmodel.AuditEntry) {
		if got := fmt.Sprintf("%+v", *e); n >= len(want) || got != want[n] {
			w.t.Errorf("entry %d is %s, want %s", n, got, append(want, "no more")[min(n, len(want))])
		}
		chain.Add(e)
		n++
	})
	if err != nil || n != len(want) || n == 0 || chain.Fault != nil {
		w.t.Fatalf("%d entries, want %d; %v, %v", n, len(want), err, chain.Fault)
	}
}

func readAll(t testing.TB, s replay.Source) (all []eventlog.Message) {
	t.Helper()
	first, last, err := s.Bounds(testContext(t))
	if err == nil {
		err = s.Read(testContext(t), first, last, func(m eventlog.Message) error {
			all = append(all, m)
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (w *world) equalMessages() {
	w.t.Helper()
	want, got := readAll(w.t, replay.FromLog(w.log)), readAll(w.t, w.archive.Source())
	if len(want) != len(got) {
		w.t.Fatalf("the log has %d messages, the archive %d", len(want), len(got))
	}
	for i := range want {
		a, b := want[i], got[i]
		if a.Seq != b.Seq || !a.Stored.Equal(b.Stored) || a.BatchID != b.BatchID || a.Subject != b.Subject || !bytes.Equal(a.Data, b.Data) {
			w.t.Fatalf("message %d: the log has %+v, the archive %+v", a.Seq, a, b)
		}
	}
}

// equalEvents compares the rows with what a fold of its own makes of the log.
func (w *world) equalEvents() {
	w.t.Helper()
	var want []string
	fold := projector.NewFold(readmodel.New(modelConfig(w.log)), projector.FoldOptions{Judge: func(j *projector.Judgement) {
		for i, v := range j.Verdicts {
			want = append(want, fmt.Sprintf("%d.%d %v %+d", j.Seq, i, v.Effect, v.Delta))
		}
	}})
	for _, m := range readAll(w.t, replay.FromLog(w.log)) {
		if err := fold.Message(m); err != nil {
			w.t.Fatal(err)
		}
	}
	conn := w.connect()
	defer conn.Close(context.Background())
	rows, err := conn.Query(testContext(w.t), "SELECT seq, idx, effect, delta FROM events ORDER BY seq, idx")
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		var seq, idx, delta int
		var effect string
		if err := rows.Scan(&seq, &idx, &effect, &delta); err != nil {
			w.t.Fatal(err)
		}
		if got := fmt.Sprintf("%d.%d %s %+d", seq, idx, effect, delta); n >= len(want) || got != want[n] {
			w.t.Fatalf("row %d: %s, want %s", n, got, append(want, "no more")[min(n, len(want))])
		}
		n++
	}
	if rows.Err() != nil || n != len(want) {
		w.t.Fatalf("%d rows of events, want %d (%v)", n, len(want), rows.Err())
	}
	if counted := w.archive.Status().Position.Events; counted != uint64(n) {
		w.t.Fatalf("the position counts %d events, there are %d", counted, n)
	}
	if poison, dead := w.number("SELECT count(*) FROM events WHERE effect = 'poisoned'"), w.number("SELECT count(*) FROM dead_letters WHERE reason <> ''"); poison != dead {
		w.t.Fatalf("%d poisoned events, %d dead letters", poison, dead)
	}
}

// equalFold folds the archive alone.
func (w *world) equalFold() {
	w.t.Helper()
	got, err := w.foldOfArchive()
	if err != nil {
		w.t.Fatal(err)
	}
	if want := w.digest(); got != want {
		w.t.Fatalf("a fold of the archive has digest %v, the read model %v", got, want)
	}
}

func (w *world) foldOfArchive() (d readmodel.Digest, err error) {
	fold := projector.NewFold(readmodel.New(modelConfig(w.log)), projector.FoldOptions{})
	source := w.archive.Source()
	first, last, err := source.Bounds(testContext(w.t))
	if err == nil {
		err = source.Read(testContext(w.t), first, last, fold.Message)
	}
	return fold.Model().Digest(), err
}

// digest is that of the read model that serves, once it has folded the log.
func (w *world) digest() (d readmodel.Digest) {
	w.t.Helper()
	last := w.archive.Status().Position.Seq
	w.until("the fold has caught up", func() bool { return w.projector.Snapshot().At.Seq >= last })
	if err := w.projector.Inspect(testContext(w.t), func(m *readmodel.Model) { d = m.Digest() }); err != nil {
		w.t.Fatal(err)
	}
	return d
}

// equalHistory adds the history up to the counters.
func (w *world) equalHistory() {
	w.t.Helper()
	want := map[events.VideoID]readmodel.Counts{}
	var total readmodel.Counts
	err := w.projector.Inspect(testContext(w.t), func(m *readmodel.Model) {
		for number := range m.Videos.Len() {
			var slot readmodel.Slot
			m.Videos.Read(uint32(number), &slot)
			if slot.Counts != (readmodel.Counts{}) {
				want[m.Videos.ID(uint32(number))] = slot.Counts
			}
			for c, n := range slot.Counts {
				total[c] += n
			}
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, table := range []string{"history_hourly", "history_daily"} {
		got := w.sums(table)
		for video, counts := range want {
			if got[video] != counts {
				w.t.Fatalf("%s of %v adds up to %v, the counters are %v", table, video, got[video], counts)
			}
		}
		for video, counts := range got {
			if want[video] != counts {
				w.t.Fatalf("%s of %v adds up to %v, the counters are %v", table, video, counts, want[video])
			}
		}
	}
	for _, table := range []string{"total_hourly", "total_daily"} {
		for c, name := range []string{"views", "likes", "comments", "remixes", "glitches"} {
			if sum := w.number("SELECT coalesce(sum(" + name + "), 0)::bigint FROM " + table); sum != total[c] {
				w.t.Fatalf("%s of %s is %d, the counters add up to %d", name, table, sum, total[c])
			}
		}
	}
}

func (w *world) sums(table string) map[events.VideoID]readmodel.Counts {
	w.t.Helper()
	conn := w.connect()
	defer conn.Close(context.Background())
	rows, err := conn.Query(testContext(w.t), `SELECT video_id, sum(views)::bigint, sum(likes)::bigint, sum(comments)::bigint,
sum(remixes)::bigint, sum(glitches)::bigint FROM `+table+` GROUP BY video_id`)
	if err != nil {
		w.t.Fatal(err)
	}
	sums := map[events.VideoID]readmodel.Counts{}
	for rows.Next() {
		var video [16]byte
		var c readmodel.Counts
		if err := rows.Scan(&video, &c[0], &c[1], &c[2], &c[3], &c[4]); err != nil {
			w.t.Fatal(err)
		}
		if c != (readmodel.Counts{}) {
			sums[video] = c
		}
	}
	if rows.Err() != nil {
		w.t.Fatal(rows.Err())
	}
	return sums
}
