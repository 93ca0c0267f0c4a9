package checkpoint

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// batch writes entries at one timestamp, in as many transactions as they need,
// each with its witness.
type batch struct {
	store     *Store
	timestamp uint64
	txn       *badger.Txn
	entries   int // of the transaction
	number    uint32
}

// batchEntries bounds the entries of a transaction. Badger keeps them in a map, and
// writes them into its memtable in the map's order: so the fewer they are, the closer
// together lies what each is compared with there, where keys come in order.
const batchEntries = 2048

// put writes a sealed value. It keeps the slices until the transaction is done.
func (b *batch) put(key, sealed []byte, how byte) error {
	if int64(len(sealed)) >= b.store.options.ValueThreshold {
		b.store.usesValueLog = true
	}
	return b.add(key, func(txn *badger.Txn) error {
		return txn.SetEntry(badger.NewEntry(key, sealed).WithMeta(how))
	})
}

// remove deletes a key. Where value logs exist, it buries the key under an
// empty entry instead: collecting a value log writes old entries again, above
// newer ones, and a tombstone that a compaction has dropped meanwhile would not
// cover them.
func (b *batch) remove(key []byte) error {
	if b.store.usesValueLog {
		return b.put(key, seal(key, nil, 0, buried), buried)
	}
	return b.erase(key)
}

// erase leaves a tombstone: for keys that never had a value in a value log.
func (b *batch) erase(key []byte) error {
	return b.add(key, func(txn *badger.Txn) error { return txn.Delete(key) })
}

func (b *batch) add(key []byte, write func(*badger.Txn) error) error {
	for range 2 {
		if err := b.open(); err != nil {
			return err
		}
		err := write(b.txn)
		if err == nil {
			b.entries++
			return nil
		}
		if !errors.Is(err, badger.ErrTxnTooBig) {
			return fmt.Errorf("%w: key of %d bytes: %w", ErrTooLarge, len(key), err)
		}
		if err := b.commit(); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: key of %d bytes", ErrTooLarge, len(key))
}

// open begins a transaction where none is under way that has room.
func (b *batch) open() error {
	if b.entries == batchEntries {
		if err := b.commit(); err != nil {
			return err
		}
	}
	if b.txn != nil {
		return nil
	}
	b.txn = b.store.db.NewTransactionAt(b.timestamp, true)
	w := witness{timestamp: b.timestamp, batch: b.number}
	if err := b.txn.Set(w.key(), seal(w.key(), nil, 0, plain)); err != nil {
		return fmt.Errorf("write witness: %w", err)
	}
	return nil
}

// commit ends the transaction under way, if any.
func (b *batch) commit() error {
	if b.txn == nil {
		return nil
	}
	err := b.txn.CommitAt(b.timestamp, nil)
	b.discard()
	if err != nil {
		return fmt.Errorf("commit entries of checkpoint: %w", err)
	}
	files, err := listFiles(b.store.dir)
	if err != nil {
		return err
	}
	b.number++
	return b.store.witnesses.add(files, b.timestamp, b.number-1)
}

func (b *batch) discard() {
	if b.txn != nil {
		b.txn.Discard()
		b.txn, b.entries = nil, 0
	}
}
