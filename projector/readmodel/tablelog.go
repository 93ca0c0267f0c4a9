package readmodel

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Files is where an image writes its flat tables. A file counts once it was
// closed without an error.
type Files interface {
	CreateFile(name string) (io.WriteCloser, error)
	// RemoveFile removes a file that did not get to its end.
	RemoveFile(name string) error
}

// tableLog is one flat table's bookkeeping of its files.
type tableLog struct {
	table byte
	// size is how many entries one stripe holds, the last one excepted.
	size  uint32
	files []tableFile // oldest first
	// since is, for each stripe, the version of the newest file that holds it
	// whole; of a stripe that none does, of the first that has any of it. What
	// came before that version is of no use for the stripe.
	since []uint64
}

// rotation is how many checkpoints it takes at most to write a whole table anew:
// it bounds the number of files.
const rotation = 512

// plan picks the stripes that are to be written whole beside changes of about
// that many bytes: those that were not for longest, of as many bytes together.
func (l *tableLog) plan(changes, tableBytes int) (stripes []uint32) {
	n := len(l.since)
	if changes == 0 || n == 0 {
		return nil
	}
	want := min(n, max(1, (n+rotation-1)/rotation, changes*n/max(tableBytes, 1)))
	stripes = make([]uint32, n)
	for i := range stripes {
		stripes[i] = uint32(i)
	}
	slices.SortFunc(stripes, func(a, b uint32) int { return cmp.Or(cmp.Compare(l.since[a], l.since[b]), cmp.Compare(a, b)) })
	stripes = stripes[:want]
	slices.Sort(stripes)
	return stripes
}

// with returns the bookkeeping once a file has been written that holds those
// stripes whole, and changes of a table of count entries.
func (l *tableLog) with(f tableFile, whole []uint32, count uint32) tableLog {
	next := tableLog{table: l.table, size: l.size, since: slices.Clone(l.since)}
	for len(next.since) < int(stripesOf(count, l.size)) {
		next.since = append(next.since, f.version)
	}
	for _, stripe := range whole {
		next.since[stripe] = f.version
	}
	oldest := slices.Min(next.since)
	for _, old := range l.files {
		if old.version >= oldest {
			next.files = append(next.files, old)
		}
	}
	next.files = append(next.files, f)
	return next
}

func stripesOf(count, size uint32) uint32 { return (count + size - 1) / size }

func (l *tableLog) key() []byte { return []byte{spaceTables, l.table} }

// encode writes what a start needs to find the table.
func (l *tableLog) encode() []byte {
	b := binary.LittleEndian.AppendUint32(nil, l.size)
	for _, f := range l.files {
		b = binary.LittleEndian.AppendUint64(b, f.version)
		b = binary.LittleEndian.AppendUint64(b, uint64(f.directory))
		b = binary.LittleEndian.AppendUint32(b, f.blocks)
		b = binary.LittleEndian.AppendUint32(b, f.sum)
	}
	return b
}

func (l *tableLog) decode(b []byte) error {
	if b == nil {
		return nil
	}
	if len(b) < 4 || (len(b)-4)%tableFileSize != 0 || binary.LittleEndian.Uint32(b) == 0 {
		return fmt.Errorf("%w: the list of files of table %d is cut short", ErrState, l.table)
	}
	l.size = binary.LittleEndian.Uint32(b)
	for b = b[4:]; len(b) > 0; b = b[tableFileSize:] {
		l.files = append(l.files, tableFile{
			binary.LittleEndian.Uint64(b), int64(binary.LittleEndian.Uint64(b[8:])),
			binary.LittleEndian.Uint32(b[16:]), binary.LittleEndian.Uint32(b[20:]),
		})
	}
	return nil
}
