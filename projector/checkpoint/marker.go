package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// MaxMarkerBytes bounds the caller's part of a marker. The whole marker must
// stay out of the value log, which is not synced after it.
const MaxMarkerBytes = 16 << 10

// marker says that everything up to its own timestamp is one whole version.
type marker struct {
	version   uint64
	epochs    epochs
	witnesses []witness
	note      []byte // the caller's
}

const markerFormat = 1

func (m marker) encode() []byte {
	b := append(make([]byte, 0, 64+len(m.note)), markerFormat)
	b = binary.AppendUvarint(b, m.version)
	b = binary.AppendUvarint(b, uint64(len(m.epochs)))
	for _, e := range m.epochs {
		b = binary.AppendUvarint(b, e.from)
		b = binary.AppendUvarint(b, e.ahead)
	}
	b = binary.AppendUvarint(b, uint64(len(m.witnesses)))
	for _, w := range m.witnesses {
		b = binary.AppendUvarint(b, uint64(w.memTable))
		b = binary.AppendUvarint(b, w.timestamp)
		b = binary.AppendUvarint(b, uint64(w.batch))
	}
	return append(b, m.note...)
}

func decodeMarker(b []byte) (m marker, err error) {
	if len(b) == 0 || b[0] != markerFormat {
		return m, damaged("marker has a format unknown to this binary")
	}
	b = b[1:]
	next := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			b, err = nil, damaged("marker is cut short")
			return 0
		}
		b = b[n:]
		return v
	}
	m.version = next()
	for n := next(); n > 0 && err == nil; n-- {
		m.epochs = append(m.epochs, epoch{from: next(), ahead: next()})
	}
	for n := next(); n > 0 && err == nil; n-- {
		m.witnesses = append(m.witnesses, witness{uint32(next()), next(), uint32(next())})
	}
	m.note = slices.Clone(b)
	return m, err
}

// readMarker returns the newest marker and its timestamp; zero if there is none.
func readMarker(db *badger.DB) (m marker, timestamp uint64, err error) {
	txn := db.NewTransactionAt(math.MaxUint64, false)
	defer txn.Discard()
	item, err := txn.Get(markerKey)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return m, 0, nil
	}
	if err != nil {
		return m, 0, fmt.Errorf("read marker: %w", err)
	}
	uerr := unsealItem(item, func(value []byte, _ uint64) { m, err = decodeMarker(value) })
	return m, item.Version(), errors.Join(uerr, err)
}

// epochs translate timestamps to versions. Each failed attempt uses up a
// timestamp, so that from then on timestamps run ahead by more; a new epoch
// begins with each such change. Ascending; never empty after a first version.
type epochs []epoch

type epoch struct{ from, ahead uint64 }

func (e epochs) ahead() uint64 {
	if len(e) == 0 {
		return 0
	}
	return e[len(e)-1].ahead
}

// with returns the epochs once the version has been written at the timestamp.
func (e epochs) with(timestamp, version uint64) epochs {
	ahead := timestamp - version
	if len(e) > 0 && e.ahead() == ahead {
		return e
	}
	return append(slices.Clone(e), epoch{timestamp, ahead})
}

// version of a plain entry with the timestamp.
func (e epochs) version(timestamp uint64) uint64 {
	for i := len(e) - 1; i >= 0; i-- {
		if e[i].from <= timestamp {
			return timestamp - e[i].ahead
		}
	}
	return 0
}
