package archive

import "testing"

// TestTheArchiveEqualsTheLog: all kinds of messages, over several starts.
func TestTheArchiveEqualsTheLog(t *testing.T) {
	w := newWorld(t, database(t))
	g := newTraffic(1)
	w.start()
	w.commit(g, 40)
	w.outside(outsideBatch(1, g.entry(), g.entry()))
	w.outside([]byte("garbage\x00"))
	w.mustEqual()
	for range 3 {
		w.commitMany(g, 100)
		w.stop()
		w.start()
		w.commit(g, 5)
	}
	w.mustEqual()
}

// TestAnArchiveIsAddedToALog: what the serving fold judged before is judged
// again, up to where it tells.
func TestAnArchiveIsAddedToALog(t *testing.T) {
	w := newWorld(t, database(t))
	g := newTraffic(2)
	w.startFold(false)
	w.commit(g, 60)
	w.outside(outsideBatch(2, g.entry()))
	w.stop()
	w.startFold(true)
	w.commit(g, 20)
	w.startArchive()
	w.commit(g, 20)
	w.mustEqual()
}
