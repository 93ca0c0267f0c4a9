package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
)

// cancelEvery is how many entries are written between two looks at the context.
const cancelEvery = 1024

// Write writes a version, above the latest: all entries, each key at most once
// (a nil value deletes, an empty one is a value), and the marker last. It
// returns the view of it. All or nothing: after an error, a panic in writes, or
// a crash, the version before is whole and still the latest, and Write may be
// called again, with the same version or a higher one.
//
// It fails with ErrVersion, ErrTooLarge (keys 64,000 bytes, values 64 MiB,
// markers MaxMarkerBytes), ErrClosed, the context's error, or what the disk
// said. Slices may be used again when the iteration goes on.
func (s *Store) Write(ctx context.Context, version uint64, writes iter.Seq2[[]byte, []byte], note []byte) (*View, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	before := s.View()
	if version <= before.version {
		return nil, fmt.Errorf("%w: %d after %d", ErrVersion, version, before.version)
	}
	if len(note) > MaxMarkerBytes {
		return nil, fmt.Errorf("%w: marker of %d bytes", ErrTooLarge, len(note))
	}
	if err := s.heal(); err != nil {
		return nil, err
	}
	timestamp, err := s.nextTimestamp(version)
	if err != nil {
		return nil, err
	}
	m := marker{version: version, note: slices.Clone(note)}
	m.epochs = s.View().epochs.with(timestamp, version)
	v, err := s.complete(timestamp, m, func(b *batch) error { return writeAll(ctx, b, writes) })
	if err != nil {
		return nil, fmt.Errorf("write checkpoint %d: %w", version, err)
	}
	if err := s.raiseFloor(before.version); err != nil {
		// The version stands; old values only take space until the next Write.
		s.options.Logger.Warn("keep old values of checkpoint", "error", err)
	}
	return v, nil
}

func writeAll(ctx context.Context, b *batch, writes iter.Seq2[[]byte, []byte]) (err error) {
	n := 0
	for key, value := range writes {
		if n%cancelEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		n++
		k := dataKey(key)
		if value == nil {
			err = b.remove(k)
		} else {
			err = b.put(k, seal(k, value, 0, plain), plain)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// nextTimestamp returns a timestamp never tried before, at which the version
// can be told from the timestamp.
func (s *Store) nextTimestamp(version uint64) (uint64, error) {
	ahead := s.View().epochs.ahead()
	if version > math.MaxUint64/4 || ahead > math.MaxUint64/4 {
		return 0, fmt.Errorf("%w: it is out of range", ErrVersion)
	}
	return max(s.last+1, version+ahead), nil
}

// complete writes entries at a timestamp, brings them to the disk, and then
// writes the marker.
func (s *Store) complete(timestamp uint64, m marker, fill func(*batch) error) (*View, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	s.torn, s.last = true, timestamp
	b := &batch{store: s, timestamp: timestamp}
	defer b.discard()
	obsolete := len(s.witnesses.obsolete)
	for _, w := range s.witnesses.obsolete {
		if err := b.erase(w.key()); err != nil {
			return nil, err
		}
	}
	if err := fill(b); err != nil {
		return nil, err
	}
	if err := b.commit(); err != nil {
		return nil, err
	}
	files, err := s.syncFiles()
	if err != nil {
		return nil, err
	}
	s.durable = s.View().timestamp
	m.witnesses = s.witnesses.prune(files)
	if err := s.writeMarker(timestamp, m); err != nil {
		return nil, err
	}
	s.witnesses.obsolete = s.witnesses.obsolete[obsolete:]
	s.torn = false
	return s.publish(m, timestamp), nil
}

func (s *Store) writeMarker(timestamp uint64, m marker) error {
	sealed := seal(markerKey, m.encode(), 0, plain)
	if int64(len(sealed)) >= s.options.ValueThreshold {
		return errors.New("write marker: too many attempts have failed: rebuild the checkpoint")
	}
	txn := s.db.NewTransactionAt(timestamp, true)
	defer txn.Discard()
	if err := txn.Set(markerKey, sealed); err != nil {
		return fmt.Errorf("write marker: %w", err)
	}
	if err := txn.CommitAt(timestamp, nil); err != nil {
		return fmt.Errorf("commit marker: %w", err)
	}
	return nil
}

// raiseFloor retires the views of versions below the given one that nobody
// holds, and lets Badger discard what only they could see.
func (s *Store) raiseFloor(below uint64) error {
	s.views = slices.DeleteFunc(s.views, func(v *View) bool { return v.version < below && v.retire() })
	floor := min(s.durable, s.views[0].timestamp)
	if floor <= s.floor {
		return nil
	}
	if err := writeFloor(s.dir, floor); err != nil {
		return err
	}
	s.floor = floor
	s.db.SetDiscardTs(floor)
	return nil
}
