package events

import (
	"bytes"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/events/strictjson"
)

// CloudEventFormat says how CloudEvents stand in a body.
type CloudEventFormat uint8

// The formats.
const (
	// CloudEventBatch is application/cloudevents-batch+json: a JSON array.
	CloudEventBatch CloudEventFormat = iota
	// CloudEventLines is application/x-ndjson: one JSON object a line. Lines of
	// white space alone are no events and count for nothing.
	CloudEventLines
)

// CloudEventRules is what events are judged by beside the vocabulary.
type CloudEventRules struct {
	// Now is when the events came in; their times lie at most MaxAhead after.
	Now time.Time
	// Caller stands in the events of moderation, whatever their admin_id says.
	Caller UserID
	// Admin: the caller may send events of moderation.
	Admin bool
	// MaxEvents bounds the events of a body; 0 stands for MaxBatchEvents.
	MaxEvents int
}

// Rejection says why one event of a body was left out.
type Rejection struct {
	// Index is the event's place among the events of the body, from 0.
	Index int
	// Detail has a JSON Pointer into the event where that helps, and repeats
	// nothing else of it.
	Detail string
}

// Ingested is what a body of CloudEvents came to.
type Ingested struct {
	// Frames holds the frames of the good events one after the other, in the
	// order of the body. It belongs to the reader and is valid until its next Read.
	Frames []byte
	// Events counts the events in Frames.
	Events int
	// Rejected names the others, in the order of the body.
	Rejected []Rejection
	// Sent counts all events of the body.
	Sent int
}

// CloudEventReader turns bodies of CloudEvents 1.0 into frames of events. The
// zero reader is ready; it keeps its buffers from one body to the next, and
// allocates nothing for events that are good. It serves one body at a time.
//
// An event's data is read as it comes where its type is known by then, and
// otherwise once the type is known.
type CloudEventReader struct {
	rules CloudEventRules
	limit Time // the latest time allowed

	body strictjson.Scanner
	late strictjson.Scanner // data that stood before its type
	env  envelope
	data dataReader

	out Ingested
}

// keptFrameBytes bounds the buffer that a reader keeps: events of a body of
// 1 MiB, the largest that is taken, hardly ever need more.
const keptFrameBytes = 1 << 20

// Read reads a body. What is wrong with single events is named in
// Ingested.Rejected; the error is about the body as a whole: a
// *strictjson.SyntaxError for a batch that is not strict JSON, or
// strictjson.ContentErrors for one that is no array, and for a body with no
// event or too many. A line that is not strict JSON is a rejection.
func (r *CloudEventReader) Read(body []byte, format CloudEventFormat, rules CloudEventRules) (Ingested, error) {
	r.rules, r.limit = rules, TimeOf(rules.Now.Add(MaxAhead))
	if r.rules.MaxEvents == 0 {
		r.rules.MaxEvents = MaxBatchEvents
	}
	r.out = Ingested{Frames: r.out.Frames[:0]}
	if cap(r.out.Frames) > keptFrameBytes {
		r.out.Frames = nil
	}
	read := r.readBatch
	if format == CloudEventLines {
		read = r.readLines
	}
	err := read(body)
	switch {
	case err != nil:
	case r.out.Sent == 0:
		err = strictjson.ContentErrors{{Detail: "must hold at least one event"}}
	case r.out.Sent > r.rules.MaxEvents:
		err = strictjson.ContentErrors{{Detail: "must hold at most " + strconv.Itoa(r.rules.MaxEvents) + " events"}}
	}
	if err != nil {
		return Ingested{}, err
	}
	return r.out, nil
}

func (r *CloudEventReader) readBatch(body []byte) error {
	s := &r.body
	s.Reset(body)
	if !s.Array() {
		return s.End()
	}
	for ; s.Element(); r.out.Sent++ {
		if r.out.Sent >= r.rules.MaxEvents { // still walked: its syntax comes first
			continue
		}
		if size := r.readPlain(s.Ready()); size > 0 {
			s.Pass(size)
			r.take()
			continue
		}
		r.readEvent(s)
		r.finishEvent(s.TakeErrors(), 1+digitCount(r.out.Sent))
	}
	return s.End()
}

func (r *CloudEventReader) readLines(body []byte) error {
	for len(body) > 0 {
		if r.out.Sent < r.rules.MaxEvents {
			if size := r.readPlain(body); size > 0 && (size == len(body) || body[size] == '\n') {
				r.take()
				r.out.Sent++
				body = body[min(size+1, len(body)):]
				continue
			}
		}
		line := body
		if end := bytes.IndexByte(body, '\n'); end >= 0 {
			line, body = body[:end], body[end+1:]
		} else {
			body = nil
		}
		if len(bytes.Trim(line, " \t\r")) > 0 {
			r.readLine(line)
			r.out.Sent++
		}
	}
	return nil
}

func (r *CloudEventReader) readLine(line []byte) {
	if r.out.Sent >= r.rules.MaxEvents {
		return
	}
	s := &r.body
	s.Reset(line)
	r.readEvent(s)
	switch err := s.End().(type) {
	case *strictjson.SyntaxError:
		r.reject(err.Error())
	default:
		r.finishEvent(s.TakeErrors(), 0)
	}
}

// take takes the event that has been read and found good.
func (r *CloudEventReader) take() {
	r.appendFrame()
	r.out.Events++
}

// finishEvent appends the event just read, or rejects it. The first base
// bytes of the pointers in errs lead to the event.
func (r *CloudEventReader) finishEvent(errs strictjson.ContentErrors, base int) {
	var lateErrs strictjson.ContentErrors
	if r.env.late != nil && r.env.typ.Known() {
		r.late.Reset(r.env.late)
		r.data.read(&r.late, r.env.typ)
		lateErrs = r.late.TakeErrors()
	}
	switch {
	case len(errs)+len(lateErrs) > 0:
		r.reject(rejectionDetail(errs, base, lateErrs))
	case r.env.seen == hasAllAttributes && r.env.typ.Known():
		r.take()
	default: // the batch's syntax broke within the event, and its error will tell
	}
}

func digitCount(n int) int {
	count := 1
	for ; n > 9; n /= 10 {
		count++
	}
	return count
}

func (r *CloudEventReader) reject(detail string) {
	r.out.Rejected = append(r.out.Rejected, Rejection{Index: r.out.Sent, Detail: detail})
}

// maxRejectionErrors bounds what is said of one event: a body may hold 1,000.
const maxRejectionErrors = 3

// rejectionDetail words what is wrong with an event, with pointers into it.
func rejectionDetail(errs strictjson.ContentErrors, base int, late strictjson.ContentErrors) string {
	var text []byte
	for i := range min(len(errs)+len(late), maxRejectionErrors) {
		if i > 0 {
			text = append(text, "; "...)
		}
		var pointer, detail string
		if i < len(errs) {
			pointer, detail = errs[i].Pointer[base:], errs[i].Detail
		} else {
			pointer, detail = "/data"+late[i-len(errs)].Pointer, late[i-len(errs)].Detail
		}
		if pointer != "" {
			text = append(append(text, pointer...), ": "...)
		}
		text = append(text, detail...)
	}
	if more := len(errs) + len(late) - maxRejectionErrors; more > 0 {
		text = append(strconv.AppendInt(append(text, "; and "...), int64(more), 10), " more"...)
	}
	return string(text)
}
