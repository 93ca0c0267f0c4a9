package world

import "strconv"

// Videos is how many videos there are, numbered from 0.
type Videos int

// Names of the five counters in answers, in their order.
var Counters = [5]string{"view_count", "like_count", "comment_count", "remix_count", "glitch_count"}

// UUIDLength is that of the 8-4-4-4-12 form.
const UUIDLength = 36

// ID returns the 16 bytes of a video's UUID. They look random, as real ones do.
func ID(video int) [16]byte { return uuid(idSalt, video) }

// UserID returns the 16 bytes of a user's UUID.
func UserID(user int) [16]byte { return uuid(userSalt, user) }

const (
	idSalt    = 0x1d
	userSalt  = 0x05e4
	countSalt = 0xc0
)

func uuid(salt uint64, number int) (id [16]byte) {
	high, low := mix(salt, uint64(number)), mix(salt+1, uint64(number))
	for i := range 8 {
		id[i], id[8+i] = byte(high>>(8*i)), byte(low>>(8*i))
	}
	id[6] = id[6]&0x0f | 0x40 // version 4
	id[8] = id[8]&0x3f | 0x80
	return id
}

// mix is splitmix64: every number gives another one, without visible order.
func mix(salt, n uint64) uint64 {
	z := (n+1)*0x9e3779b97f4a7c15 + salt*0xd1342543de82ef95
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Counts returns a video's counters before anything else is counted: seven,
// six, five, four and four digits at most, so that an entry of an answer takes
// about 145 bytes.
func Counts(video int) (counts [5]int64) {
	limits := [5]uint64{9_000_000, 900_000, 90_000, 9_000, 9_000}
	for i := range counts {
		counts[i] = int64(limits[i]/9 + mix(countSalt+uint64(i), uint64(video))%(limits[i]/9*8))
	}
	return counts
}

// AppendUUID appends the 8-4-4-4-12 form.
func AppendUUID(dst []byte, id [16]byte) []byte {
	const digits = "0123456789abcdef"
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	return dst
}

// AppendEntry appends a video's member of an answer: its identity and counters.
func AppendEntry(dst []byte, id [16]byte, counts [5]int64) []byte {
	dst = append(AppendUUID(append(dst, '"'), id), `":{`...)
	for i, name := range Counters {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), name...), `":`...)
		dst = strconv.AppendInt(dst, counts[i], 10)
	}
	return append(dst, '}')
}
