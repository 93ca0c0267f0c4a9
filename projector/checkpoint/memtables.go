package checkpoint

import (
	"fmt"
	"os"
)

// fitting returns the options with memtables large enough for what a crash left in
// the directory. Badger reads each write-ahead log back into one memtable, and ends
// the process where that is too small, as when the store is opened with less memory
// than the one that crashed.
func (o Options) fitting(dir string) (Options, error) {
	if o.MemTableBytes >= MemTableBytes {
		return o, nil
	}
	files, err := listFiles(dir)
	if err != nil {
		return o, err
	}
	for _, n := range files.memTables {
		info, err := os.Stat(memTablePath(dir, n))
		if err != nil {
			return o, fmt.Errorf("look at log: %w", err)
		}
		// A log that Badger made for memtables of this size is twice as large. Of one
		// that was cut nobody can tell.
		if size := info.Size(); size > o.MemTableBytes && size != 2*o.MemTableBytes {
			o.MemTableBytes = MemTableBytes
			return o, nil
		}
	}
	return o, nil
}
