package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// Write-ahead logs (.mem) and value logs (.vlog) begin with a header, and then
// hold entries: two bytes of flags, lengths of key and value and an expiry as
// varints, key, value, CRC. Both are made far too large and end where an entry's
// header is zero.
const (
	logHeaderBytes = 20
	maxLogKeyBytes = 1 << 16
)

// checkLogs looks at the lengths in the logs, since Badger allocates what they
// say before it looks at a checksum. Where one points outside the file, a log
// that Badger would cut there anyway is cut here; whether something was lost
// by it shows at the witnesses. Other value logs must be whole.
func checkLogs(dir string, files badgerFiles) error {
	for _, n := range files.memTables {
		if err := checkLog(memTablePath(dir, n), true); err != nil {
			return err
		}
	}
	for i, n := range files.valueLogs {
		if err := checkLog(valueLogPath(dir, n), i == len(files.valueLogs)-1); err != nil {
			return err
		}
	}
	return nil
}

// checkLog finds where the entries end. A file without a header is what a crash
// leaves of one just made: it holds nothing, and Badger cannot open it.
func checkLog(path string, mayCut bool) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at log: %w", err)
	}
	if info.Size() < logHeaderBytes {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove empty log: %w", err)
		}
		return nil
	}
	var header [8]byte
	if _, err := f.ReadAt(header[:], 0); err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	if !isZero(header[:]) {
		return damaged("log %s says that it is encrypted", path)
	}
	end, whole, err := endOfEntries(f, info.Size())
	switch {
	case err != nil:
		return fmt.Errorf("read log: %w", err)
	case whole:
		return nil
	case !mayCut:
		return damaged("log %s is broken at byte %d", path, end)
	}
	if err := os.Truncate(path, end); err != nil {
		return fmt.Errorf("cut log: %w", err)
	}
	return nil
}

// endOfEntries steps from header to header. It is not whole if a length cannot be.
func endOfEntries(log io.ReaderAt, size int64) (end int64, whole bool, err error) {
	var window [2 + 3*binary.MaxVarintLen64]byte
	at := int64(logHeaderBytes)
	for at < size {
		n, err := log.ReadAt(window[:], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, false, err
		}
		header := window[:n]
		if isZero(header[:min(n, 4)]) {
			return at, true, nil
		}
		length, ok := entryLength(header, size-at)
		if !ok {
			return at, false, nil
		}
		at += length
	}
	return at, true, nil
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// entryLength is the length of the entry that begins with the header, of which
// left bytes can be there.
func entryLength(header []byte, left int64) (length int64, ok bool) {
	at := 2
	var fields [3]uint64
	for i := range fields {
		if at > len(header) {
			return 0, false
		}
		v, n := binary.Uvarint(header[at:])
		if n <= 0 {
			return 0, false
		}
		fields[i], at = v, at+n
	}
	key, value := fields[0], fields[1]
	if key > maxLogKeyBytes || value > uint64(left) {
		return 0, false
	}
	length = int64(at) + int64(key) + int64(value) + crc32.Size
	return length, length <= left
}
