package query

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
)

// listing is what a cursor is good for: one caller's walk through one list
// under one filter. A cursor that is taken elsewhere is refused.
type listing struct {
	kind   byte
	caller events.UserID
	filter string
}

// The lists that are paged.
const (
	listOfJobs = iota + 1
	listOfNotifications
	listOfBlocks
	listOfAudit
	listOfDeadLetters
)

// place is where a page ended: the sort key of its last entry.
type place struct {
	time events.Time
	at   events.Position
}

// Layout of a cursor: version (1), time (8), position (8), and the first 16
// bytes of HMAC-SHA256 over those, the list, the caller and the filter.
const (
	cursorVersion = 1
	placeSize     = 1 + 8 + 8
	cursorSize    = placeSize + 16
)

// appendCursor appends a cursor in its text form, [A-Za-z0-9_-]+.
func (s *Service) appendCursor(dst []byte, l listing, p place) []byte {
	raw := append(make([]byte, 0, cursorSize), cursorVersion)
	raw = binary.BigEndian.AppendUint64(raw, uint64(p.time))
	raw = binary.BigEndian.AppendUint64(raw, p.at.Packed())
	return base64.RawURLEncoding.AppendEncode(dst, s.sign(raw, l))
}

// sign appends the authenticator of a place in a listing.
func (s *Service) sign(raw []byte, l listing) []byte {
	mac := hmac.New(sha256.New, s.cursorKey)
	mac.Write([]byte("tidemark cursor"))
	mac.Write(raw)
	mac.Write([]byte{l.kind})
	mac.Write(l.caller[:])
	mac.Write([]byte(l.filter)) // last: everything before has a fixed size
	var sum [sha256.Size]byte
	return append(raw, mac.Sum(sum[:0])[:cursorSize-placeSize]...)
}

// readCursor reads a cursor that was handed out for the listing; the zero
// place, the start, where none is given.
func (s *Service) readCursor(l listing, p param) (place, error) {
	if !p.given {
		return place{}, nil
	}
	bad := badParam("cursor", "is not a cursor that this list has given to this caller under these filters")
	if len(p.text) != base64.RawURLEncoding.EncodedLen(cursorSize) {
		return place{}, bad
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(p.text)
	if err != nil || len(raw) != cursorSize || raw[0] != cursorVersion {
		return place{}, bad
	}
	if want := s.sign(append([]byte{}, raw[:placeSize]...), l); !hmac.Equal(want, raw) {
		return place{}, bad
	}
	return place{
		time: events.Time(binary.BigEndian.Uint64(raw[1:])),
		at:   events.UnpackPosition(binary.BigEndian.Uint64(raw[9:])),
	}, nil
}

// page is one page of a listing that was asked for.
type page struct {
	listing listing
	limit   int
	after   place
}

func (s *Service) readPage(c *api.Call, kind byte, filter string, limit, cursor param) (p page, err error) {
	p.listing = listing{kind, c.Caller.ID, filter}
	if p.limit, err = readLimit(limit); err != nil {
		return p, err
	}
	p.after, err = s.readCursor(p.listing, cursor)
	return p, err
}

// appendPage appends a page of a list as a member of the answer: one more may have been
// read than it holds.
func appendPage[T any](dst []byte, member string, list []T, limit int, one func(dst []byte, of *T) []byte) []byte {
	dst = append(append(append(dst, '"'), member...), `":[`...)
	for i := range list[:min(len(list), limit)] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = one(dst, &list[i])
	}
	return append(dst, ']')
}

// appendNextCursor appends the member next_cursor: null on the last page. Lists
// are read one entry further than the limit, which tells whether there is more.
func (s *Service) appendNextCursor(dst []byte, p *page, read int, last func(i int) place) []byte {
	dst = append(dst, `,"next_cursor":`...)
	if read <= p.limit {
		return append(dst, "null"...)
	}
	return append(s.appendCursor(append(dst, '"'), p.listing, last(p.limit-1)), '"')
}
