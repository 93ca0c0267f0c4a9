package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
)

// View reads one complete version, whatever is written meanwhile. Its methods
// may be called from any number of goroutines. Who needs several reads to agree
// holds it: Acquire before, Release after.
type View struct {
	store     *Store
	version   uint64
	timestamp uint64
	epochs    epochs
	holders   atomic.Int64 // far below 0 once retired
}

const retired = math.MinInt64 / 2

// Version returns the version; 0 for the empty view.
func (v *View) Version() uint64 { return v.version }

// Acquire holds the view until Release. It returns false if the view has been
// retired: take a newer one.
func (v *View) Acquire() bool {
	if v.holders.Add(1) > 0 {
		return true
	}
	v.holders.Add(-1)
	return false
}

// Release ends what Acquire began.
func (v *View) Release() { v.holders.Add(-1) }

// retire succeeds if nobody holds the view.
func (v *View) retire() bool { return v.holders.CompareAndSwap(0, retired) }

// begin holds the view and the store open for one read.
func (v *View) begin() error {
	if err := v.store.begin(); err != nil {
		return err
	}
	if !v.Acquire() {
		v.store.end()
		return ErrRetired
	}
	return nil
}

func (v *View) end() {
	v.Release()
	v.store.end()
}

// getAttempts is how often a value is looked for: collecting a value log moves
// it, so that the place found may be gone a moment later. An iterator would
// prevent that, at several times the price of a Get.
const getAttempts = 3

// Get returns the value of a key: nil if there is none, empty and not nil if it
// is empty. The caller may keep it. It fails with ErrRetired, ErrClosed or
// ErrDamaged.
func (v *View) Get(key []byte) (value []byte, err error) {
	if err := v.begin(); err != nil {
		return nil, err
	}
	defer v.end()
	k := dataKey(key)
	txn := v.store.db.NewTransactionAt(v.timestamp, false)
	defer txn.Discard()
	for range getAttempts {
		value, err = getOnce(txn, k)
		if !errors.Is(err, ErrDamaged) {
			break
		}
	}
	return value, err
}

func getOnce(txn *badger.Txn, key []byte) (value []byte, err error) {
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	err = unsealItem(item, func(b []byte, _ uint64) {
		if item.UserMeta() != buried {
			value = append([]byte{}, b...)
		}
	})
	return value, err
}

// Scan calls fn for the keys with the prefix, ascending, from a key on (nil:
// from the first), until fn returns false. The slices are fn's for the time of
// the call; no value is nil. fn may read the view. It fails as Get does.
func (v *View) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	more := true
	return v.each(prefix, from, func(item *badger.Item) (bool, error) {
		err := unsealItem(item, func(value []byte, _ uint64) { more = fn(item.Key()[1:], value) })
		return more, err
	})
}

// Versions calls fn for the keys with the prefix, ascending, each with the
// version that wrote it, until fn returns false. Values are not read, but for
// the few that were healed after a crash. It fails as Get does.
func (v *View) Versions(prefix []byte, fn func(key []byte, version uint64) bool) error {
	return v.each(prefix, nil, func(item *badger.Item) (bool, error) {
		version := v.epochs.version(item.Version())
		if item.UserMeta() == healed {
			err := unsealItem(item, func(_ []byte, own uint64) { version = own })
			if err != nil {
				return false, err
			}
		}
		return fn(item.Key()[1:], version), nil
	})
}

func (v *View) each(prefix, from []byte, fn func(*badger.Item) (more bool, err error)) error {
	if err := v.begin(); err != nil {
		return err
	}
	defer v.end()
	if bytes.Compare(from, prefix) < 0 {
		from = prefix
	}
	txn := v.store.db.NewTransactionAt(v.timestamp, false)
	defer txn.Discard()
	// Prefetching starts a goroutine for each value, most of which lie beside
	// their keys.
	it := txn.NewIterator(badger.IteratorOptions{Prefix: dataKey(prefix)})
	defer it.Close()
	for it.Seek(dataKey(from)); it.Valid(); it.Next() {
		if it.Item().UserMeta() == buried {
			continue
		}
		more, err := fn(it.Item())
		if err != nil {
			return fmt.Errorf("scan checkpoint: %w", err)
		}
		if !more {
			return nil
		}
	}
	return nil
}
