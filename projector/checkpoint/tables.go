package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// verifyTable reads one table through and compares every checksum in it.
// Badger would do so on opening, but ends the process on a length that points
// outside the file.
//
// A table is its blocks, the index, the index's length, a checksum of the
// index, the checksum's length; lengths are 4 bytes, big-endian.
func verifyTable(path string) error {
	name := filepath.Base(path)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return damaged("table %s is missing", name)
	}
	if err != nil {
		return fmt.Errorf("read table: %w", err)
	}
	rest, sum, err := cutChecksum(data)
	if err != nil {
		return damaged("table %s: index: %w", name, err)
	}
	_, index, err := cutSized(rest)
	if err != nil {
		return damaged("table %s: index: %w", name, err)
	}
	if len(index) == 0 {
		// A tail of zeros: no length, no checksum, and they agree.
		return damaged("table %s: it has no index", name)
	}
	if err := y.VerifyChecksum(index, sum); err != nil {
		return damaged("table %s: index: %w", name, err)
	}
	// The index is as written, so that its offsets can be followed.
	table := fb.GetRootAsTableIndex(index, 0)
	if table.OffsetsLength() == 0 {
		return damaged("table %s holds no blocks", name)
	}
	var at fb.BlockOffset
	for n := range table.OffsetsLength() {
		table.Offsets(&at, n)
		from, to := uint64(at.Offset()), uint64(at.Offset())+uint64(at.Len())
		if to > uint64(len(data)) {
			return damaged("table %s: block %d lies outside", name, n)
		}
		if err := verifyBlock(data[from:to]); err != nil {
			return damaged("table %s: block %d: %w", name, n, err)
		}
	}
	return nil
}

// verifyBlock checks a block: entries, their offsets and number, a checksum of
// all that, the checksum's length.
func verifyBlock(block []byte) error {
	rest, sum, err := cutChecksum(block)
	if err != nil {
		return err
	}
	return y.VerifyChecksum(rest, sum)
}

var errCutShort = errors.New("a length points outside")

// cutChecksum takes the checksum and its length off the end.
func cutChecksum(b []byte) ([]byte, *pb.Checksum, error) {
	rest, encoded, err := cutSized(b)
	if err != nil {
		return nil, nil, err
	}
	sum := new(pb.Checksum)
	if err := proto.Unmarshal(encoded, sum); err != nil {
		return nil, nil, err
	}
	if _, known := pb.Checksum_Algorithm_name[int32(sum.Algo)]; !known {
		return nil, nil, fmt.Errorf("unknown checksum algorithm %d", sum.Algo)
	}
	return rest, sum, nil
}

// cutSized takes a part and its length off the end.
func cutSized(b []byte) (rest, part []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errCutShort
	}
	end := len(b) - 4
	size := int(binary.BigEndian.Uint32(b[end:]))
	if size > end {
		return nil, nil, errCutShort
	}
	return b[:end-size], b[end-size : end], nil
}
