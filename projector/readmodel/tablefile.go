package readmodel

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// The file of a flat table, one for each checkpoint in which it changed:
//
//	header     16 bytes of magic
//	blocks     each of one stripe: the whole of it, or what changed in it
//	directory  of each block: stripe, kind, entries, offset, bytes, CRC
//
// What names the file (tableFile) holds the place and the CRC of the directory,
// so that each byte that a start reads is vouched for by the checkpoint.

const fileMagic = "tidemark table 1"

const (
	blockWhole = 1 // all of a stripe, as of some moment since the checkpoint before
	blockDelta = 2 // what changed in it since the checkpoint before
)

const directoryEntrySize = 4 + 4 + 4 + 4 + 8 + 4 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// tableFile names a file and says how to read it.
type tableFile struct {
	version   uint64
	directory int64 // offset
	blocks    uint32
	sum       uint32 // of the directory
}

const tableFileSize = 8 + 8 + 4 + 4

func fileName(table byte, version uint64) string {
	return fmt.Sprintf("table-%d-%016x", table, version)
}

// block is one entry of a directory.
type block struct {
	stripe, kind, entries uint32
	offset                int64
	bytes, sum            uint32
}

// fileWriter writes blocks and, at the end, their directory.
type fileWriter struct {
	to     io.WriteCloser
	at     int64
	blocks []block
}

func createTableFile(files Files, table byte, version uint64) (*fileWriter, error) {
	to, err := files.CreateFile(fileName(table, version))
	if err != nil {
		return nil, err
	}
	w := &fileWriter{to: to, at: int64(len(fileMagic))}
	if _, err := io.WriteString(to, fileMagic); err != nil {
		_ = to.Close() // what went wrong says more
		return nil, err
	}
	return w, nil
}

func (w *fileWriter) write(stripe, kind, entries uint32, body []byte) error {
	if _, err := w.to.Write(body); err != nil {
		return fmt.Errorf("write a block of a table: %w", err)
	}
	w.blocks = append(w.blocks, block{stripe, kind, entries, w.at, uint32(len(body)), crc32.Checksum(body, castagnoli)})
	w.at += int64(len(body))
	return nil
}

// whole returns the stripes that the file holds whole.
func (w *fileWriter) whole() (stripes []uint32) {
	for _, b := range w.blocks {
		if b.kind == blockWhole {
			stripes = append(stripes, b.stripe)
		}
	}
	return stripes
}

// finish writes the directory and closes the file.
func (w *fileWriter) finish(version uint64) (tableFile, error) {
	directory := make([]byte, 0, directoryEntrySize*len(w.blocks))
	for _, b := range w.blocks {
		directory = binary.LittleEndian.AppendUint32(directory, b.stripe)
		directory = binary.LittleEndian.AppendUint32(directory, b.kind)
		directory = binary.LittleEndian.AppendUint32(directory, b.entries)
		directory = binary.LittleEndian.AppendUint32(directory, 0)
		directory = binary.LittleEndian.AppendUint64(directory, uint64(b.offset))
		directory = binary.LittleEndian.AppendUint32(directory, b.bytes)
		directory = binary.LittleEndian.AppendUint32(directory, b.sum)
	}
	f := tableFile{version, w.at, uint32(len(w.blocks)), crc32.Checksum(directory, castagnoli)}
	if _, err := w.to.Write(directory); err != nil {
		return f, fmt.Errorf("write the directory of a table: %w", err)
	}
	return f, w.to.Close()
}

// readDirectory reads a file's directory.
func (f *tableFile) readDirectory(from *os.File) ([]block, error) {
	info, err := from.Stat()
	if err != nil {
		return nil, err
	}
	bytes := directoryEntrySize * int64(f.blocks)
	if info.Size() != f.directory+bytes {
		return nil, fmt.Errorf("%w: file %s has %d bytes instead of %d", ErrState, from.Name(), info.Size(), f.directory+bytes)
	}
	raw := make([]byte, bytes)
	if _, err := from.ReadAt(raw, f.directory); err != nil {
		return nil, fmt.Errorf("read the directory of a table: %w", err)
	}
	if crc32.Checksum(raw, castagnoli) != f.sum {
		return nil, fmt.Errorf("%w: the directory of file %s is not what was written", ErrState, from.Name())
	}
	blocks := make([]block, f.blocks)
	for i := range blocks {
		e := raw[i*directoryEntrySize:]
		blocks[i] = block{
			stripe: binary.LittleEndian.Uint32(e), kind: binary.LittleEndian.Uint32(e[4:]), entries: binary.LittleEndian.Uint32(e[8:]),
			offset: int64(binary.LittleEndian.Uint64(e[16:])), bytes: binary.LittleEndian.Uint32(e[24:]), sum: binary.LittleEndian.Uint32(e[28:]),
		}
	}
	return blocks, nil
}
