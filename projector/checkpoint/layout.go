package checkpoint

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/dgraph-io/badger/v4"
)

// Key spaces. Callers' keys all lie behind spaceData, so none can meet another
// space or Badger's own keys.
const (
	spaceData    = 'd'
	spaceMarker  = 'm'
	spaceWitness = 'w'
)

var markerKey = []byte{spaceMarker}

func dataKey(key []byte) []byte {
	k := make([]byte, 0, 1+len(key))
	return append(append(k, spaceData), key...)
}

// How an entry was written, in Badger's user byte.
const (
	plain  = 0
	healed = 1 // carries its version, since its timestamp is the healing's
	buried = 2 // deleted; see batch.remove
)

// seal makes what is stored of a value: the value, for a healed entry its
// version (8 bytes), and a checksum over the key and all that (4 bytes). Badger
// answers a value it cannot read with an empty one, which no sealed value is.
func seal(key, value []byte, version uint64, how byte) []byte {
	b := make([]byte, 0, len(value)+12)
	b = append(b, value...)
	if how == healed {
		b = binary.BigEndian.AppendUint64(b, version)
	}
	return binary.BigEndian.AppendUint32(b, checksum(key, b, how))
}

func checksum(key, body []byte, how byte) uint32 {
	c := crc32.Update(crc32.Checksum([]byte{how}, castagnoli), castagnoli, key)
	return crc32.Update(c, castagnoli, body)
}

// unseal returns the value in what was stored, and the version of a healed
// entry. The value shares the stored bytes and is never nil.
func unseal(key, stored []byte, how byte) (value []byte, version uint64, err error) {
	n := len(stored) - 4
	if n < 0 || checksum(key, stored[:n], how) != binary.BigEndian.Uint32(stored[n:]) {
		return nil, 0, damaged("value of key %x is not what was written", key)
	}
	if how == healed {
		if n -= 8; n < 0 {
			return nil, 0, damaged("value of key %x has no version", key)
		}
		version = binary.BigEndian.Uint64(stored[n:])
	}
	return stored[:n:n], version, nil
}

// unsealItem calls fn with an item's value, valid for the call.
func unsealItem(item *badger.Item, fn func(value []byte, version uint64)) error {
	return item.Value(func(stored []byte) error {
		value, version, err := unseal(item.Key(), stored, item.UserMeta())
		if err == nil {
			fn(value, version)
		}
		return err
	})
}
