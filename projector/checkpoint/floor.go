package checkpoint

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/tidemark-io/tidemark/durable"
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
	if err := durable.WriteFile(filepath.Join(dir, floorFile), b); err != nil {
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
