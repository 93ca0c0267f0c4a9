package world

import (
	"strconv"
	"time"
)

// Start is the time of every event, unless a test needs others: it lies within
// the last day, since events from the future are refused.
func Start() time.Time { return time.Now().Add(-time.Hour).UTC().Truncate(time.Second) }

// AppendBaseline appends one line of NDJSON: the event that gives a video the
// counters of Counts. Its source and identity are the same each time.
func AppendBaseline(dst []byte, video int, at time.Time) []byte {
	dst = append(dst, `{"specversion":"1.0","id":"`...)
	dst = strconv.AppendInt(dst, int64(video), 10)
	dst = append(dst, `","source":"bench/baseline","type":"counter.baseline","time":"`...)
	dst = at.AppendFormat(dst, time.RFC3339)
	dst = append(dst, `","data":{"video_id":"`...)
	dst = AppendUUID(dst, ID(video))
	dst = append(dst, `","source":"bench"`...)
	for i, count := range Counts(video) {
		dst = append(append(append(dst, `,"`...), Counters[i]...), `":`...)
		dst = strconv.AppendInt(dst, count, 10)
	}
	return append(dst, "}}\n"...)
}

// AppendView appends one line of NDJSON: a view, with an identity of its own
// for each number.
func AppendView(dst []byte, source string, number uint64, video int, at time.Time) []byte {
	dst = append(dst, `{"specversion":"1.0","id":"`...)
	dst = appendNumber(dst, number)
	dst = append(append(dst, `","source":"`...), source...)
	dst = append(dst, `","type":"video.viewed","time":"`...)
	dst = at.AppendFormat(dst, time.RFC3339)
	dst = append(dst, `","data":{"video_id":"`...)
	dst = AppendUUID(dst, ID(video))
	return append(dst, "\"}}\n"...)
}

// numberLength is that of an event's identity: always the same, so that it can
// be changed in place.
const numberLength = 16

func appendNumber(dst []byte, number uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[number>>shift&15])
	}
	return dst
}
