package events

import "time"

// Time is a moment in microseconds since the Unix epoch, UTC: the precision
// that events keep, and all that orders two of them by time. Every year from 1
// to 9999 fits with bits to spare.
type Time int64

// TimeOf returns the moment t, cut to microseconds.
func TimeOf(t time.Time) Time { return Time(t.UnixMicro()) }

// The first and the last moment that RFC 3339 can write in UTC,
// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z. What lies outside is no
// time of an event, and would overflow the arithmetic of those who use it.
const (
	MinTime Time = -62_135_596_800_000_000
	MaxTime Time = 253_402_300_799_999_999
)

// Valid reports whether t lies from MinTime to MaxTime.
func (t Time) Valid() bool { return t >= MinTime && t <= MaxTime }

// Std returns the moment as the standard library has it, in UTC.
func (t Time) Std() time.Time { return time.UnixMicro(int64(t)).UTC() }

// AppendTo appends the moment as RFC 3339 has it, with as many decimals as it needs.
func (t Time) AppendTo(dst []byte) []byte { return t.Std().AppendFormat(dst, time.RFC3339Nano) }

// String returns the moment as RFC 3339 has it.
func (t Time) String() string { return string(t.AppendTo(nil)) }

// MaxAhead is how far an event's time may lie after the moment it is taken:
// clocks differ, but what is further ahead did not happen.
const MaxAhead = 5 * time.Minute
