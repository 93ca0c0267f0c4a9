package readmodel

import "encoding/binary"

// The records of segments. All numbers big-endian.
//
//	video  number (4), key (16), state word (8), five counters (8 each)
//	user   'u', number (4), key (16), flags (4)
//	like   'l', number of the user (4), number of the video (4), version (8)

const (
	recordUser     = 'u'
	recordLike     = 'l'
	userRecordSize = 1 + 4 + 16 + 4
	likeRecordSize = 1 + 4 + 4 + 8
)

func appendVideoRecord(dst []byte, number uint32, s *slot) []byte {
	dst = binary.BigEndian.AppendUint32(dst, number)
	dst = binary.BigEndian.AppendUint64(dst, s.hi)
	dst = binary.BigEndian.AppendUint64(dst, s.lo)
	dst = binary.BigEndian.AppendUint64(dst, s.state.Load())
	for c := range s.counts {
		dst = binary.BigEndian.AppendUint64(dst, uint64(s.counts[c].Load()))
	}
	return dst
}

func videoRecordEnd([]byte) int { return videoRecordSize }

func appendUserRecord(dst []byte, number uint32, u *user) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, recordUser), number)
	dst = binary.BigEndian.AppendUint64(dst, u.hi)
	dst = binary.BigEndian.AppendUint64(dst, u.lo)
	return binary.BigEndian.AppendUint32(dst, u.flags.Load())
}

func appendLikeRecord(dst []byte, number, video uint32, v likeVersion) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, recordLike), number)
	dst = binary.BigEndian.AppendUint32(dst, video)
	return binary.BigEndian.AppendUint64(dst, uint64(v))
}

func userRecordEnd(records []byte) int {
	if records[0] == recordUser {
		return userRecordSize
	}
	return likeRecordSize
}

func (v *Videos) freeze(i *Image) {
	changes := make([]byte, 0, videoRecordSize*len(v.dirty.list))
	for _, number := range v.dirty.list {
		s := v.slot(number)
		v.digest += s.digest()
		changes = appendVideoRecord(changes, number, s)
	}
	v.dirty.clear()
	v.segments.write(i, changes, videoRecordEnd, stripesOf(v.count, v.stripe), func(stripe int) []byte {
		var records []byte
		for n := uint32(stripe) * v.stripe; n < min(v.count, uint32(stripe+1)*v.stripe); n++ {
			records = appendVideoRecord(records, n, v.slot(n))
		}
		return records
	})
}

func stripesOf(count, size uint32) int { return int((count + size - 1) / size) }

func (u *Users) freeze(i *Image) {
	changes := u.changes
	u.changes = nil
	u.segments.write(i, changes, userRecordEnd, stripesOf(u.count, u.stripe), func(stripe int) []byte {
		var records []byte
		for n := uint32(stripe) * u.stripe; n < min(u.count, uint32(stripe+1)*u.stripe); n++ {
			e := u.entry(n)
			records = appendUserRecord(records, n, e)
			e.likes.each(func(video uint32, v likeVersion) {
				records = appendLikeRecord(records, n, video, v)
			})
		}
		return records
	})
}
