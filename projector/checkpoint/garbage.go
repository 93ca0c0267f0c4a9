package checkpoint

import (
	"errors"
	"math"
	"os"

	"github.com/dgraph-io/badger/v4"
)

// garbageRatio is the part of a value log file that must be garbage for it to
// be rewritten.
const garbageRatio = 0.5

// CollectGarbage frees the space of values that no longer count, file by file,
// until there is nothing worth doing. Call it now and then; it holds off Write.
// What goes wrong is logged and harmless.
func (s *Store) CollectGarbage() {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.begin() != nil {
		return
	}
	defer s.end()
	for s.broken == nil && s.collectFile() {
	}
}

// collectFile rewrites one file. Badger writes what still counts elsewhere,
// unsynced, and deletes the file at once, unless an iterator is open: so one is
// held open until the copies are on the disk.
func (s *Store) collectFile() (more bool) {
	txn := s.db.NewTransactionAt(math.MaxUint64, false)
	it := txn.NewIterator(badger.IteratorOptions{})
	err := s.db.RunValueLogGC(garbageRatio)
	if err == nil {
		if _, err = s.syncFiles(); err != nil {
			// The iterator stays open, for the file must not be deleted. The
			// store writes no more, and can only be closed.
			s.options.Logger.Error("sync collected values", "error", err)
			return false
		}
	}
	it.Close()
	txn.Discard()
	if err != nil && !errors.Is(err, badger.ErrNoRewrite) {
		s.options.Logger.Warn("collect value log", "error", err)
	}
	return err == nil
}

// holdsValueLogs reports whether any value log has an entry.
func holdsValueLogs(dir string) (bool, error) {
	files, err := listFiles(dir)
	if err != nil {
		return false, err
	}
	for _, n := range files.valueLogs {
		b := make([]byte, logHeaderBytes+4)
		f, err := os.Open(valueLogPath(dir, n))
		if err != nil {
			return false, err
		}
		read, _ := f.ReadAt(b, 0)
		f.Close()
		if read > logHeaderBytes && !isZero(b[logHeaderBytes:read]) {
			return true, nil
		}
	}
	return false, nil
}
