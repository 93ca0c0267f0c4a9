package events

import (
	"fmt"
	"unicode/utf8"

	"github.com/tidemark-io/tidemark/events/strictjson"
)

// Data is what an event says beside its type and time: one struct per type, or
// per pair of types that say the same members.
type Data interface {
	// appendTo appends the binary form (layout version 1 of the type).
	appendTo(dst []byte) []byte
}

// Bounds of the members of events, in bytes unless said otherwise.
const (
	MaxIdentityBytes  = 256  // source and id, each
	MaxReasonChars    = 500  // reason, in characters
	MaxResultURLBytes = 2048 // result_url
	MaxJobErrorBytes  = 1024 // error
	MaxCategoryBytes  = 64   // category
	MaxPayloadBytes   = 4096 // payload
	MaxSourceBytes    = 256  // the source of a baseline
	MaxProgress       = 100
	// MaxAttempt leaves room for any worker's counting and fits 32 bits.
	MaxAttempt = 1<<31 - 1
	// MaxBaseline is the largest integer that every JSON reader keeps exactly.
	MaxBaseline = 1<<53 - 1
)

// VideoPublished: the video is known, with zero counts.
type VideoPublished struct {
	Video  VideoID
	Author UserID // zero if unknown
}

// VideoViewed: somebody saw the video.
type VideoViewed struct {
	Video VideoID
	User  UserID // zero if anonymous
}

// VideoLike is the data of video.liked and video.unliked.
type VideoLike struct {
	Video VideoID
	User  UserID
}

// VideoItem is the data of the created and deleted events of comments, remixes
// and glitches.
type VideoItem struct {
	Video  VideoID
	Item   ItemID
	Author UserID // zero if unknown
}

// VideoVisibility is the data of video.deleted and video.restored.
type VideoVisibility struct {
	Video  VideoID
	Admin  UserID
	Reason []byte // empty where the command says it for all its events
}

// AccountBlock is the data of account.blocked and account.unblocked.
type AccountBlock struct {
	User    UserID
	Admin   UserID
	Retract bool
	Reason  []byte // empty where the command says it for all its events
}

// UserBlock is the data of user.blocked and user.unblocked.
type UserBlock struct {
	User    UserID // who blocks
	Blocked UserID // whom
}

// CounterBaseline is a start value for counts that have no events behind them.
type CounterBaseline struct {
	Video  VideoID
	Source []byte
	// Set has bit c for each Counter c that Values gives.
	Set    uint8
	Values [CounterCount]int64
}

func (d VideoPublished) appendTo(b []byte) []byte {
	return append(append(b, d.Video[:]...), d.Author[:]...)
}

func (VideoPublished) decode(data []byte) (d VideoPublished, err error) {
	r := reader{rest: data}
	r.id((*[16]byte)(&d.Video))
	r.id((*[16]byte)(&d.Author))
	return d, r.end()
}

func (d VideoViewed) appendTo(b []byte) []byte {
	return append(append(b, d.Video[:]...), d.User[:]...)
}

func (VideoViewed) decode(data []byte) (d VideoViewed, err error) {
	r := reader{rest: data}
	r.id((*[16]byte)(&d.Video))
	r.id((*[16]byte)(&d.User))
	return d, r.end()
}

func (d VideoLike) appendTo(b []byte) []byte {
	return append(append(b, d.Video[:]...), d.User[:]...)
}

func (VideoLike) decode(data []byte) (d VideoLike, err error) {
	r := reader{rest: data}
	r.id((*[16]byte)(&d.Video))
	r.id((*[16]byte)(&d.User))
	return d, r.end()
}

func (d VideoItem) appendTo(b []byte) []byte {
	return append(append(append(b, d.Video[:]...), d.Item[:]...), d.Author[:]...)
}

func (VideoItem) decode(data []byte) (d VideoItem, err error) {
	r := reader{rest: data}
	r.id((*[16]byte)(&d.Video))
	r.id((*[16]byte)(&d.Item))
	r.id((*[16]byte)(&d.Author))
	return d, r.end()
}

func (d VideoVisibility) appendTo(b []byte) []byte {
	return appendText(append(append(b, d.Video[:]...), d.Admin[:]...), d.Reason)
}

func (VideoVisibility) decode(data []byte) (d VideoVisibility, err error) {
	r := reader{rest: data}
	r.id((*[16]byte)(&d.Video))
	r.id((*[16]byte)(&d.Admin))
	d.Reason = r.text()
	if err := r.end(); err != nil {
		return d, err
	}
	return d, checkReason(d.Reason)
}

func (d AccountBlock) appendTo(b []byte) []byte {
	b = append(append(b, d.User[:]...), d.Admin[:]...)
	return appendText(appendBool(b, d.Retract), d.Reason)
}

func (AccountBlock) decode(data []byte) (d AccountBlock, err error) {
	r := reader{rest: data}
	r.id((*[16]byte)(&d.User))
	r.id((*[16]byte)(&d.Admin))
	d.Retract = r.bool()
	d.Reason = r.text()
	if err := r.end(); err != nil {
		return d, err
	}
	return d, checkReason(d.Reason)
}

func (d UserBlock) appendTo(b []byte) []byte {
	return append(append(b, d.User[:]...), d.Blocked[:]...)
}

func (UserBlock) decode(data []byte) (d UserBlock, err error) {
	r := reader{rest: data}
	r.id((*[16]byte)(&d.User))
	r.id((*[16]byte)(&d.Blocked))
	if err := r.end(); err != nil {
		return d, err
	}
	if d.User == d.Blocked {
		return d, fmt.Errorf("%w: a user cannot block themselves", ErrRule)
	}
	return d, nil
}

func (d CounterBaseline) appendTo(b []byte) []byte {
	b = appendText(append(b, d.Video[:]...), d.Source)
	b = append(b, d.Set)
	for c, v := range d.Values {
		if d.Set&(1<<c) != 0 {
			b = appendUint64(b, uint64(v))
		}
	}
	return b
}

func (CounterBaseline) decode(data []byte) (d CounterBaseline, err error) {
	r := reader{rest: data}
	r.id((*[16]byte)(&d.Video))
	d.Source = r.text()
	d.Set = r.uint8()
	for c := range d.Values {
		d.Values[c] = 0
		if d.Set&(1<<c) == 0 {
			continue
		}
		v := r.uint64()
		if v > MaxBaseline {
			return d, fmt.Errorf("%w: a baseline is at most %d", ErrRule, MaxBaseline)
		}
		d.Values[c] = int64(v)
	}
	if err := r.end(); err != nil {
		return d, err
	}
	switch {
	case d.Set == 0 || d.Set >= 1<<CounterCount:
		return d, fmt.Errorf("%w: a baseline gives one of the five counters", ErrRule)
	case len(d.Source) == 0 || len(d.Source) > MaxSourceBytes || !utf8.Valid(d.Source):
		return d, fmt.Errorf("%w: the source of a baseline has 1 to %d bytes of UTF-8", ErrRule, MaxSourceBytes)
	}
	return d, nil
}

// checkReason allows an empty reason: then the command's stands for it.
func checkReason(reason []byte) error {
	if !utf8.Valid(reason) || utf8.RuneCount(reason) > MaxReasonChars {
		return fmt.Errorf("%w: a reason has up to %d characters of UTF-8", ErrRule, MaxReasonChars)
	}
	return nil
}

// ValidCategory reports whether c may name a category of notifications: 1 to
// 64 of a-z 0-9 _ . -
func ValidCategory(c []byte) bool {
	if len(c) == 0 || len(c) > MaxCategoryBytes {
		return false
	}
	for _, b := range c {
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '_' && b != '.' && b != '-' {
			return false
		}
	}
	return true
}

// validPayload reports whether p is one JSON value within bounds.
func validPayload(p []byte) bool {
	return len(p) <= MaxPayloadBytes && strictjson.Check(p) == nil
}
