package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
)

// floorFile says up to which timestamp old values may have been discarded. It
// is written before Badger is told, so a marker below the floor means that
// newer files were lost and that older values may be gone with them. It is also
// the first file of a directory: files without it are not a whole store.
const floorFile = "FLOOR"

const floorMagic = "tidemark checkpoint 1\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func writeFloor(dir string, floor uint64) error {
	b := binary.BigEndian.AppendUint64([]byte(floorMagic), floor)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if err := replaceFile(dir, floorFile, b); err != nil {
		return fmt.Errorf("write floor of checkpoint: %w", err)
	}
	return nil
}

// readFloor returns fs.ErrNotExist, wrapped, for a directory without the file.
func readFloor(dir string) (uint64, error) {
	b, err := os.ReadFile(filepath.Join(dir, floorFile))
	if err != nil {
		return 0, fmt.Errorf("read floor of checkpoint: %w", err)
	}
	n := len(floorMagic)
	if len(b) != n+12 || string(b[:n]) != floorMagic ||
		crc32.Checksum(b[:n+8], castagnoli) != binary.BigEndian.Uint32(b[n+8:]) {
		return 0, damaged("%s does not hold a floor", floorFile)
	}
	return binary.BigEndian.Uint64(b[n:]), nil
}

// replaceFile puts a file in place at once and durably: whoever reads it, even
// after a power cut, finds the old contents or the new ones.
func replaceFile(dir, name string, contents []byte) error {
	path := filepath.Join(dir, name)
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(contents)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncFile(dir)
}

// syncFile flushes a file or directory to the disk, also what others wrote to
// it through a memory map: the kernel keeps one set of pages per file. A file
// that is gone needs none.
func syncFile(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
