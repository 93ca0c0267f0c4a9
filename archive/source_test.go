package archive

import (
	"testing"

	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// TestAPageIsBoundByBytes too, and a large message is read all the same.
func TestAPageIsBoundByBytes(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	w.commit(newTraffic(20), 40)
	w.caughtUp()
	const size = 512 << 10
	w.sql("UPDATE messages SET data = convert_to(repeat('x', $1), 'UTF8')", size)
	last := w.archive.Status().Position.Seq
	page, err := source{w.archive}.page(testContext(t), 1, last)
	if err != nil || len(page) != pageBytes/size {
		t.Errorf("%d messages on a page, want %d of %d; %v", len(page), pageBytes/size, last, err)
	}
	read := uint64(0)
	err = w.archive.Source().Read(testContext(t), 1, last, func(m eventlog.Message) error {
		if read++; m.Seq != read || len(m.Data) != size {
			t.Errorf("message %d with %d bytes in place of message %d", m.Seq, len(m.Data), read)
		}
		return nil
	})
	if err != nil || read != last {
		t.Errorf("%d of %d messages, %v", read, last, err)
	}
	w.sql("UPDATE messages SET data = convert_to(repeat('x', $1), 'UTF8') WHERE seq IN (2, 3)", 2*pageBytes)
	if page, err := (source{w.archive}).page(testContext(t), 2, 3); err != nil || len(page) != 1 || page[0].Seq != 2 {
		t.Errorf("%d messages larger than a page, want one; %v", len(page), err)
	}
}
