package events

import (
	"mime"
	"strconv"
	"strings"

	"github.com/tidemark-io/tidemark/events/strictjson"
)

// envelope is what a CloudEvent says beside its data. Its slices alias the
// body or the scanner.
type envelope struct {
	seen   attributes
	typ    Type // 0 while it is not known, and where it is none of ours
	time   Time
	source []byte
	id     []byte
	late   []byte // data that stood before the type, nil if none
}

// attributes is a set of the attributes that every event must have.
type attributes uint8

const (
	hasSpecVersion attributes = 1 << iota
	hasID
	hasSource
	hasType
	hasTime
	hasData
	hasAllAttributes = 1<<iota - 1
)

// requiredAttributes names them in the order of their bits.
var requiredAttributes = [...]string{"specversion", "id", "source", "type", "time", "data"}

// readEvent reads the event that is ready in s, all but late data. What is
// wrong with it is left in s.
func (r *CloudEventReader) readEvent(s *strictjson.Scanner) {
	r.env = envelope{}
	if !s.Object() {
		return
	}
	for name, ok := s.Member(); ok; name, ok = s.Member() {
		r.readAttribute(s, name)
	}
	if r.env.seen == hasAllAttributes {
		return
	}
	for i, name := range requiredAttributes {
		if r.env.seen&(1<<i) == 0 {
			s.Missing(name)
		}
	}
}

func (r *CloudEventReader) readAttribute(s *strictjson.Scanner, name []byte) {
	switch string(name) {
	case "specversion":
		r.env.seen |= hasSpecVersion
		if text, ok := s.String(); ok && string(text) != "1.0" {
			s.Fail(`must be "1.0"`)
		}
	case "id":
		r.env.seen |= hasID
		r.env.id = readIdentity(s)
	case "source":
		r.env.seen |= hasSource
		r.env.source = readIdentity(s)
	case "type":
		r.env.seen |= hasType
		r.readType(s)
	case "time":
		r.env.seen |= hasTime
		r.readTime(s)
	case "data":
		r.env.seen |= hasData
		switch {
		case r.env.typ.Known():
			r.data.read(s, r.env.typ)
		case r.env.seen&hasType == 0:
			r.env.late = s.Raw()
		}
	case "data_base64":
		if !s.Null() {
			s.Skip()
			s.Fail("is not taken: data is JSON and stands in data")
		}
	case "datacontenttype":
		readContentType(s)
	case "subject", "dataschema":
		if !s.Null() {
			s.String()
		}
	default: // an extension attribute, which is dropped
		s.Skip()
	}
}

// readIdentity reads an id or a source.
func readIdentity(s *strictjson.Scanner) []byte {
	text, ok := s.String()
	if ok && (len(text) == 0 || len(text) > MaxIdentityBytes) {
		s.Fail("must have 1 to " + strconv.Itoa(MaxIdentityBytes) + " bytes")
	}
	return text
}

func (r *CloudEventReader) readType(s *strictjson.Scanner) {
	text, ok := s.String()
	if !ok {
		return
	}
	t, known := ParseType(text)
	if !known || t.Internal() {
		s.Fail("is no event type of this service")
		return
	}
	r.env.typ = t
	if t.moderates() && !r.rules.Admin {
		s.Fail(NeedsAdmin)
	}
}

// NeedsAdmin is why an event is refused whose type takes an administrator.
const NeedsAdmin = "may be sent by an admin only"

// moderates reports whether events of the type take an administrator.
func (t Type) moderates() bool {
	switch t {
	case TypeVideoDeleted, TypeVideoRestored, TypeAccountBlocked, TypeAccountUnblocked:
		return true
	}
	return false
}

func (r *CloudEventReader) readTime(s *strictjson.Scanner) {
	text, ok := s.String()
	if !ok {
		return
	}
	if r.env.time, ok = ParseTime(text); !ok {
		s.Fail(badTime)
	} else if r.env.time > r.limit {
		s.Fail("lies more than " + MaxAhead.String() + " ahead")
	}
}

const badTime = "must be a time as RFC 3339 has it, of the years 1 to 9999"

// readContentType reads a datacontenttype: data is JSON or is refused.
func readContentType(s *strictjson.Scanner) {
	if s.Null() {
		return
	}
	text, ok := s.String()
	if !ok || string(text) == "application/json" || string(text) == "application/json; charset=utf-8" {
		return // what nearly all say, without an allocation
	}
	media, _, err := mime.ParseMediaType(string(text))
	if err != nil || media != "application/json" && media != "text/json" && !strings.HasSuffix(media, "+json") {
		s.Fail("must be application/json or another JSON media type")
	}
}
