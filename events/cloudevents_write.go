package events

import (
	"fmt"
	"strconv"
)

// CloudEventDefaults stands in for what an event of the log does not say itself.
type CloudEventDefaults struct {
	// Source and ID name an event that has no identity, 1 to 256 bytes of UTF-8
	// each; the ID must differ for each event, such as its position.
	Source, ID []byte
	// Reason is that of the command which the event belongs to.
	Reason []byte
}

// AppendCloudEvent appends the event as a CloudEvent on one line, as
// CloudEventReader takes it unless it is an internal one, without a line feed after it. It fails with
// ErrRule where Decode does, and then returns dst as it was.
//
// What is read back is the same event, save that line breaks between the tokens
// of a payload become spaces, that an event without an identity has the default
// one, and that its time counts as said, not as that of arrival. Where neither the event nor the command gives the reason that a
// type requires, it is left out, and the event cannot be read back.
func AppendCloudEvent(dst []byte, e *Event, defaults CloudEventDefaults) ([]byte, error) {
	source, id := e.Source, e.ID
	if !e.HasIdentity() {
		source, id = defaults.Source, defaults.ID
	}
	o := objectWriter{append(dst, '{')}
	o.text("specversion", []byte("1.0"))
	o.text("id", id)
	o.text("source", source)
	o.text("type", []byte(e.Type.String()))
	o.time("time", e.Time)
	o.key("data")
	o.b = append(o.b, '{')
	if err := o.data(e, defaults.Reason); err != nil {
		return dst, fmt.Errorf("write %v as a CloudEvent: %w", e.Type, err)
	}
	return append(o.b, '}', '}'), nil
}

// data writes the members of the event's data.
func (o *objectWriter) data(e *Event, reason []byte) error {
	switch e.Type {
	case TypeVideoPublished:
		return writeData(o, e, VideoPublished.writeTo)
	case TypeVideoViewed:
		return writeData(o, e, VideoViewed.writeTo)
	case TypeVideoLiked, TypeVideoUnliked:
		return writeData(o, e, VideoLike.writeTo)
	case TypeCommentCreated, TypeCommentDeleted:
		return writeData(o, e, itemWriter(memberCommentID))
	case TypeRemixCreated, TypeRemixDeleted:
		return writeData(o, e, itemWriter(memberRemixID))
	case TypeGlitchCreated, TypeGlitchDeleted:
		return writeData(o, e, itemWriter(memberGlitchID))
	case TypeVideoDeleted, TypeVideoRestored:
		return writeData(o, e, func(d VideoVisibility, o *objectWriter) { d.writeTo(o, reason) })
	case TypeJobCreated:
		return writeData(o, e, JobCreated.writeTo)
	case TypeJobUpdated:
		return writeData(o, e, JobUpdated.writeTo)
	case TypeJobCancelled:
		return writeData(o, e, JobCancelled.writeTo)
	case TypeNotificationSent:
		return writeData(o, e, NotificationSent.writeTo)
	case TypeNotificationRead:
		return writeData(o, e, NotificationRead.writeTo)
	case TypeUserBlocked, TypeUserUnblocked:
		return writeData(o, e, UserBlock.writeTo)
	case TypeAccountBlocked, TypeAccountUnblocked:
		return writeData(o, e, func(d AccountBlock, o *objectWriter) { d.writeTo(o, reason) })
	case TypeCounterBaseline:
		return writeData(o, e, CounterBaseline.writeTo)
	case TypeDeadLetterRedriven, TypeDeadLetterDropped:
		return writeData(o, e, DeadLetterMark.writeTo)
	case TypeDeadLetterOpened:
		return writeData(o, e, DeadLetterOpened.writeTo)
	case TypeOperationRecorded:
		return writeData(o, e, OperationRecorded.writeTo)
	}
	return fmt.Errorf("%w: %v is unknown", ErrRule, e.Type)
}

func writeData[T Decodable[T]](o *objectWriter, e *Event, write func(T, *objectWriter)) error {
	d, err := Decode[T](e)
	if err == nil {
		write(d, o)
	}
	return err
}

// objectWriter appends members to an object that is open.
type objectWriter struct{ b []byte }

func (o *objectWriter) key(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, '"'), name...), '"', ':')
}

func (o *objectWriter) text(name string, text []byte) {
	o.key(name)
	o.b = appendJSONText(o.b, text)
}

func (o *objectWriter) time(name string, t Time) {
	o.key(name)
	o.b = append(t.AppendTo(append(o.b, '"')), '"')
}

func (o *objectWriter) id(m member, id [16]byte) {
	o.key(memberNames[m])
	o.quoteID(id)
}

func (o *objectWriter) quoteID(id [16]byte) {
	o.b = append(ItemID(id).AppendTo(append(o.b, '"')), '"')
}

// ids writes a list of IDs that stand one after the other.
func (o *objectWriter) ids(name string, list []byte) {
	o.key(name)
	o.b = append(o.b, '[')
	for i := 0; i < len(list); i += 16 {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.quoteID([16]byte(list[i : i+16]))
	}
	o.b = append(o.b, ']')
}

// optionalID leaves out a zero ID, which stands for none.
func (o *objectWriter) optionalID(m member, id [16]byte) {
	if id != [16]byte{} {
		o.id(m, id)
	}
}

func (o *objectWriter) number(m member, v int64) {
	o.key(memberNames[m])
	o.b = strconv.AppendInt(o.b, v, 10)
}

func (o *objectWriter) bool(m member, v bool) {
	o.key(memberNames[m])
	o.b = strconv.AppendBool(o.b, v)
}

// json writes JSON that has been checked. Line breaks can only stand between
// its tokens.
func (o *objectWriter) json(name string, raw []byte) {
	o.key(name)
	for _, c := range raw {
		if c == '\n' || c == '\r' {
			c = ' '
		}
		o.b = append(o.b, c)
	}
}

// appendJSONText appends valid UTF-8 as a JSON string with the escapes that
// RFC 8259 requires.
func appendJSONText(b, text []byte) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
