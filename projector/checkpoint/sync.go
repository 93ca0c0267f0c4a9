package checkpoint

import (
	"fmt"

	"github.com/tidemark-io/tidemark/durable"
)

// syncFiles brings all that was committed to the disk, and returns the files
// that it found.
//
// Badger's own DB.Sync does not do: it flushes the current write-ahead log and
// the newest value log. A log that has just been replaced and waits to become a
// table is never synced (memtable.go, ensureRoomForWrite), nor is a full value
// log (logFile.doneWriting syncs under SyncWrites only). Tables and the
// MANIFEST are synced as they are made. After a power cut the marker, in the
// newest log, could then be there while entries in the log before it are not,
// or point to values that are not; Badger would open all that without a word.
//
// So Write calls this between its entries and the marker: whoever finds the
// marker finds all that it vouches for. The marker itself may be lost; then the
// version before it counts, whose entries are untouched, because old values are
// discarded only up to a marker that a later call has brought to the disk.
//
// A failed sync cannot be repeated: the kernel may have dropped the pages and
// report success the next time. The store then refuses to write.
func (s *Store) syncFiles() (badgerFiles, error) {
	if s.broken != nil {
		return badgerFiles{}, s.broken
	}
	files, err := listFiles(s.dir)
	if err != nil {
		return files, err
	}
	var paths []string
	for _, n := range files.memTables {
		paths = append(paths, memTablePath(s.dir, n))
	}
	for _, n := range files.valueLogs {
		// Full value logs do not change.
		if n >= s.syncedValueLog {
			paths = append(paths, valueLogPath(s.dir, n))
		}
	}
	for _, path := range append(paths, s.dir) {
		if err := durable.Sync(path); err != nil {
			s.broken = fmt.Errorf("%w: %w", ErrBroken, err)
			return files, s.broken
		}
	}
	if n := len(files.valueLogs); n > 0 {
		s.syncedValueLog = files.valueLogs[n-1]
	}
	return files, nil
}

// Sync brings the latest version to the disk, so that a power cut does not cost
// it. It waits for a Write that is under way.
func (s *Store) Sync() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	if _, err := s.syncFiles(); err != nil {
		return err
	}
	s.durable = s.latest.Load().view.timestamp
	return nil
}
