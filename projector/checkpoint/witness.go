package checkpoint

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// A witness is a row that every batch writes. A batch lies whole in one
// memtable and so in one write-ahead log, and of a log only an end can be lost,
// since Badger stops replaying it at the first bad byte. So while the last
// witness of a log is there, all of the log before it is.
//
// A marker names the last witness of each log that still exists when it is
// written; older ones have become tables, which the MANIFEST vouches for. If
// one of them is not found at Open, a log lost entries although a later log
// kept the marker.
type witness struct {
	memTable  uint32 // number of the write-ahead log
	timestamp uint64
	batch     uint32 // number within the timestamp
}

func (w witness) key() []byte {
	k := binary.BigEndian.AppendUint64([]byte{spaceWitness}, w.timestamp)
	return binary.BigEndian.AppendUint32(k, w.batch)
}

// witnesses are the last witness of each write-ahead log, and those that were
// so once and can be deleted.
type witnesses struct {
	last     map[uint32]witness
	obsolete []witness
}

// add notes a witness just committed. The newest log is the one it went to:
// there is one writer, and Badger begins a new log only before a batch.
func (w *witnesses) add(files badgerFiles, timestamp uint64, batch uint32) error {
	if len(files.memTables) == 0 {
		return errors.New("find write-ahead log: there is none")
	}
	newest := files.memTables[len(files.memTables)-1]
	w.replace(newest)
	w.last[newest] = witness{newest, timestamp, batch}
	return nil
}

func (w *witnesses) replace(memTable uint32) {
	if old, ok := w.last[memTable]; ok {
		w.obsolete = append(w.obsolete, old)
		delete(w.last, memTable)
	}
}

// prune drops the logs that have become tables, and returns what the next
// marker names.
func (w *witnesses) prune(files badgerFiles) []witness {
	exists := map[uint32]bool{}
	for _, n := range files.memTables {
		exists[n] = true
	}
	var named []witness
	for n, last := range w.last {
		if exists[n] {
			named = append(named, last)
		} else {
			w.replace(n)
		}
	}
	slices.SortFunc(named, func(a, b witness) int { return cmp.Compare(a.memTable, b.memTable) })
	return named
}

// holds reports whether a key is that of a witness still needed.
func (w *witnesses) holds(key []byte) bool {
	for _, last := range w.last {
		if string(last.key()) == string(key) {
			return true
		}
	}
	return false
}

// checkWitnesses looks for all that a marker names.
func checkWitnesses(db *badger.DB, m marker, timestamp uint64) error {
	txn := db.NewTransactionAt(timestamp, false)
	defer txn.Discard()
	for _, w := range m.witnesses {
		_, err := txn.Get(w.key())
		if errors.Is(err, badger.ErrKeyNotFound) {
			return damaged("write-ahead log %d lost entries of version %d or before", w.memTable, m.version)
		}
		if err != nil {
			return fmt.Errorf("read witness: %w", err)
		}
	}
	return nil
}
