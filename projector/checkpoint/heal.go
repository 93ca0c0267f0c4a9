package checkpoint

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// heal makes the latest version whole again after a torn one: every key with an
// entry above the latest version's timestamp gets what it had there, at a new
// timestamp, with the version that wrote it; keys that did not exist are
// deleted. The marker follows as always, now at the new timestamp and with the
// same version, so that healing may itself be torn and begun again.
//
// The entries of the torn version stay below, where a reader of the new
// timestamp does not see them, and are compacted away.
func (s *Store) heal() error {
	if !s.torn {
		return nil
	}
	before := s.latest.Load()
	timestamp := s.last + 1
	m := marker{version: before.view.version, epochs: before.view.epochs, note: before.note}
	_, err := s.complete(timestamp, m, func(b *batch) error { return s.restore(b, before.view) })
	if err != nil {
		return fmt.Errorf("heal checkpoint %d: %w", m.version, err)
	}
	return nil
}

func (s *Store) restore(b *batch, before *View) error {
	// Below the batch's own timestamp, so that it does not meet its own entries.
	above := s.db.NewTransactionAt(b.timestamp-1, false)
	defer above.Discard()
	old := s.db.NewTransactionAt(before.timestamp, false)
	defer old.Discard()
	it := above.NewIterator(badger.IteratorOptions{AllVersions: true, SinceTs: before.timestamp})
	defer it.Close()
	var last []byte
	for it.Rewind(); it.Valid(); it.Next() {
		key := it.Item().Key()
		if last != nil && string(key) == string(last) {
			continue
		}
		last = it.Item().KeyCopy(nil)
		var err error
		switch last[0] {
		case spaceWitness:
			err = s.restoreWitness(b, last)
		case spaceData:
			err = restoreKey(b, old, last, before.epochs)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// restoreWitness keeps the witnesses still needed, also those of a torn
// version, which lie in a log that holds other entries.
func (s *Store) restoreWitness(b *batch, key []byte) error {
	if s.witnesses.holds(key) {
		return b.put(key, seal(key, nil, 0, plain), plain)
	}
	return b.erase(key)
}

func restoreKey(b *batch, old *badger.Txn, key []byte, epochs epochs) error {
	item, err := old.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return b.remove(key)
	}
	if err != nil {
		return fmt.Errorf("read entry to restore: %w", err)
	}
	if item.UserMeta() == buried {
		return b.remove(key)
	}
	var sealed []byte
	err = unsealItem(item, func(value []byte, version uint64) {
		if item.UserMeta() != healed {
			version = epochs.version(item.Version())
		}
		sealed = seal(key, value, version, healed)
	})
	if err != nil {
		return err
	}
	return b.put(key, sealed, healed)
}
