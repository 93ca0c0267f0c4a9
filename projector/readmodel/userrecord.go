package readmodel

import "encoding/binary"

// What files hold of users. All numbers are little-endian. A delta is a
// sequence of changes, in the order in which they came:
//
//	user   'u', number (4), key (16), flags (4)
//	like   'l', number of the user (4), number of the video (4), version (8)
//	forget 'f', number of the user (4), number of the video (4), zero (8)
//
// A whole stripe holds for each user the key (16), flags (4), how many cells its
// likes take (4), how many likes there are (4), and of each the number of the
// video (4) and the version (8).
const (
	recordUser     = 'u'
	recordLike     = 'l'
	recordForget   = 'f' // of a pair that was never there
	userRecordSize = 1 + 4 + 16 + 4
	likeRecordSize = 1 + 4 + 4 + 8
	wholeUserSize  = 16 + 4 + 4 + 4
	wholeLikeSize  = 4 + 8
)

// userChanges is records in the order in which they came, in blocks: memory that
// grows by moving would be touched twice over.
type userChanges struct {
	blocks [][]byte // the last one is being filled
	bytes  int
}

// userBlock is the size of a block.
const userBlock = 128 << 10

// room returns the block to append a record of that size to.
func (c *userChanges) room(size int) *[]byte {
	last := len(c.blocks) - 1
	if last < 0 || cap(c.blocks[last])-len(c.blocks[last]) < size {
		c.blocks = append(c.blocks, make([]byte, 0, userBlock))
		last++
	}
	c.bytes += size
	return &c.blocks[last]
}

func (c *userChanges) user(number uint32, u *user) {
	b := c.room(userRecordSize)
	*b = appendUserRecord(*b, number, u)
}

func (c *userChanges) like(number, video uint32, v likeVersion) {
	b := c.room(likeRecordSize)
	*b = appendLikeRecord(*b, number, video, v)
}

func (c *userChanges) forget(number, video uint32) {
	b := c.room(likeRecordSize)
	*b = appendForgetRecord(*b, number, video)
}

// each calls fn for each record.
func (c *userChanges) each(fn func(record []byte)) {
	for _, rest := range c.blocks {
		for len(rest) > 0 {
			n := userRecordEnd(rest)
			fn(rest[:n])
			rest = rest[n:]
		}
	}
}

func appendUserRecord(dst []byte, number uint32, u *user) []byte {
	dst = binary.LittleEndian.AppendUint32(append(dst, recordUser), number)
	dst = binary.LittleEndian.AppendUint64(dst, u.hi)
	dst = binary.LittleEndian.AppendUint64(dst, u.lo)
	return binary.LittleEndian.AppendUint32(dst, u.flags.Load())
}

func appendLikeRecord(dst []byte, number, video uint32, v likeVersion) []byte {
	dst = binary.LittleEndian.AppendUint32(append(dst, recordLike), number)
	dst = binary.LittleEndian.AppendUint32(dst, video)
	return binary.LittleEndian.AppendUint64(dst, uint64(v))
}

func appendForgetRecord(dst []byte, number, video uint32) []byte {
	dst = appendLikeRecord(dst, number, video, 0)
	dst[len(dst)-likeRecordSize] = recordForget
	return dst
}

// userRecordEnd is the size of the first record.
func userRecordEnd(records []byte) int {
	if records[0] == recordUser {
		return userRecordSize
	}
	return likeRecordSize
}

func knownUserRecord(kind byte) bool {
	return kind == recordUser || kind == recordLike || kind == recordForget
}

func userRecordNumber(records []byte) uint32 { return binary.LittleEndian.Uint32(records[1:]) }

func appendWholeUser(dst []byte, u *user) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, u.hi)
	dst = binary.LittleEndian.AppendUint64(dst, u.lo)
	dst = binary.LittleEndian.AppendUint32(dst, u.flags.Load())
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(u.likes.cells)))
	dst = binary.LittleEndian.AppendUint32(dst, u.likes.used)
	u.likes.each(func(video uint32, v likeVersion) {
		dst = binary.LittleEndian.AppendUint32(dst, video)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	})
	return dst
}
