package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// Store is an open checkpoint directory. Reading is safe from any number of
// goroutines; Write, Sync, CollectGarbage and Close take turns.
type Store struct {
	dir     string
	options Options
	lock    *os.File
	db      *badger.DB

	latest  atomic.Pointer[version]
	running operations

	writing        sync.Mutex // guards all below
	views          []*View    // not retired, oldest first
	witnesses      witnesses
	last           uint64 // timestamp of the last attempt
	durable        uint64 // newest timestamp whose marker is on the disk for sure
	floor          uint64 // up to here old values may be discarded
	torn           bool   // entries above the latest version's timestamp may exist
	usesValueLog   bool
	syncedValueLog uint32
	broken         error // a sync failed
}

// version is a complete version.
type version struct {
	view *View
	note []byte
}

// Open opens a directory, made if absent (but see Options.Existing). A version that was torn by a crash is
// healed, which takes as long as writing it did. It reads all tables through.
//
// It fails with ErrLocked if the directory is in use, with ErrDamaged if the
// contents cannot be trusted, and with other errors if the machine is in
// trouble (permissions, space, file descriptors): then leave the directory be.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	if !o.Existing {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make checkpoint directory: %w", err)
		}
	}
	lock, err := lockDirectory(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, options: o, lock: lock}
	s.running.init()
	if err := s.open(); err != nil {
		if s.db != nil {
			err = errors.Join(err, s.db.Close())
		}
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

func (s *Store) open() error {
	var err error
	if s.options, err = s.options.fitting(s.dir); err != nil {
		return err
	}
	settings := s.options.badger(s.dir)
	floor, err := preflight(s.dir, settings)
	if err != nil {
		return err
	}
	if s.usesValueLog, err = holdsValueLogs(s.dir); err != nil {
		return err
	}
	if s.db, err = openBadger(settings); err != nil {
		return err
	}
	m, timestamp, err := readMarker(s.db)
	if err != nil {
		return err
	}
	if timestamp < floor {
		return damaged("the marker lies at %d, below the floor at %d", timestamp, floor)
	}
	if err := checkWitnesses(s.db, m, timestamp); err != nil {
		return err
	}
	s.witnesses.last = map[uint32]witness{}
	for _, w := range m.witnesses {
		s.witnesses.last[w.memTable] = w
	}
	s.floor = floor
	s.db.SetDiscardTs(floor)
	s.publish(m, timestamp)
	s.last = max(timestamp, s.db.MaxVersion())
	s.torn = s.last > timestamp
	return s.heal()
}

// openBadger turns a panic on damaged files into an error.
func openBadger(o badger.Options) (db *badger.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, damaged("open badger: panic: %v", r)
		}
	}()
	db, err = badger.OpenManaged(o)
	if err != nil {
		return nil, classify("open badger", err)
	}
	return db, nil
}

// publish makes a version the latest.
func (s *Store) publish(m marker, timestamp uint64) *View {
	v := &View{store: s, version: m.version, timestamp: timestamp, epochs: m.epochs}
	s.views = append(s.views, v)
	s.latest.Store(&version{view: v, note: m.note})
	return v
}

// Latest returns the latest complete version and its marker; 0 and nil if none
// was ever completed.
func (s *Store) Latest() (version uint64, marker []byte) {
	l := s.latest.Load()
	return l.view.version, l.note
}

// View returns a view of the latest complete version; an empty one at version 0
// if there is none. It stays readable until two newer versions are complete,
// and for as long as it is held (View.Acquire).
func (s *Store) View() *View { return s.latest.Load().view }

// begin holds off Close until end.
func (s *Store) begin() error { return s.running.begin() }

func (s *Store) end() { s.running.end() }

// Close waits for reads and writes under way, lets new ones fail with
// ErrClosed, and closes the files. What was written stays, torn or not.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if !s.running.close() {
		return nil
	}
	if err := errors.Join(s.db.Close(), s.lock.Close()); err != nil {
		return fmt.Errorf("close checkpoint: %w", err)
	}
	return nil
}

// idlePoll is how often CloseIdle looks whether a view is still held.
const idlePoll = 10 * time.Millisecond

// CloseIdle closes the store once nobody holds a view of it any more, or when the
// context ends. From the moment on in which a view is not held it cannot be
// acquired.
func (s *Store) CloseIdle(ctx context.Context) error {
	ticker := time.NewTicker(idlePoll)
	defer ticker.Stop()
	for !s.retireViews() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return s.Close()
		}
	}
	return s.Close()
}

// retireViews retires the views that nobody holds, and reports whether none is left.
func (s *Store) retireViews() bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.views = slices.DeleteFunc(s.views, func(v *View) bool { return v.retire() })
	return len(s.views) == 0
}

// operations counts what is under way, so that files are not unmapped beneath
// it. Unlike a read lock it may be taken again by who holds it: a Scan's
// callback may read.
type operations struct {
	mu     sync.Mutex
	idle   *sync.Cond
	count  atomic.Int64
	closed atomic.Bool
}

func (o *operations) init() { o.idle = sync.NewCond(&o.mu) }

func (o *operations) begin() error {
	o.count.Add(1)
	if o.closed.Load() {
		o.end()
		return ErrClosed
	}
	return nil
}

func (o *operations) end() {
	if o.count.Add(-1) == 0 && o.closed.Load() {
		o.mu.Lock()
		o.idle.Broadcast()
		o.mu.Unlock()
	}
}

// close waits until nothing is under way. It returns false the second time.
func (o *operations) close() bool {
	if o.closed.Swap(true) {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.count.Load() > 0 {
		o.idle.Wait()
	}
	return true
}
