package events

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/tidemark-io/tidemark/events/strictjson"
)

// maxSeq is the last sequence that Position.Packed holds.
const maxSeq = 1<<(64-indexBits) - 1

// MaxOutcomeBytes bounds the outcome of an operation.
const MaxOutcomeBytes = 4096

// DeadLetterMark is the data of dead-letter.redriven and dead-letter.dropped. What
// is redriven is the event that follows in the same command.
type DeadLetterMark struct {
	// Letter is where the event lies that became a dead letter.
	Letter Position
}

// DeadLetterOpened is the data of dead-letter.opened: a whole message that could
// not be read by then is a record batch after all, and the events that follow in
// the same command are those that it holds, in their order.
type DeadLetterOpened struct {
	// Letter is where the message lies.
	Letter Position
	// Batch is the ID of its record batch, which may have been folded meanwhile.
	Batch BatchID
}

// OperationRecorded says what became of an operation. What it was, who asked
// for it, when and why is said by the command that it stands in.
type OperationRecorded struct {
	// Outcome is a JSON object, or empty.
	Outcome []byte
	// Targets are the IDs that the operation was about, one after the other.
	Targets []byte
}

// TargetCount returns how many IDs are listed.
func (d *OperationRecorded) TargetCount() int { return len(d.Targets) / 16 }

// Target returns the i-th ID listed.
func (d *OperationRecorded) Target(i int) [16]byte { return [16]byte(d.Targets[16*i : 16*i+16]) }

func (d DeadLetterMark) appendTo(b []byte) []byte {
	return binary.BigEndian.AppendUint16(appendUint64(b, d.Letter.Seq), d.Letter.Index)
}

func (DeadLetterMark) decode(data []byte) (d DeadLetterMark, err error) {
	r := reader{rest: data}
	d.Letter.Seq, d.Letter.Index = r.uint64(), r.uint16()
	if err := r.end(); err != nil {
		return d, err
	}
	return d, checkLetter(d.Letter)
}

func checkLetter(at Position) error {
	if at.Seq == 0 || at.Seq > maxSeq || at.Index >= MaxBatchEvents {
		return fmt.Errorf("%w: %d.%d is no position", ErrRule, at.Seq, at.Index)
	}
	return nil
}

func (d DeadLetterOpened) appendTo(b []byte) []byte {
	return append(DeadLetterMark{d.Letter}.appendTo(b), d.Batch[:]...)
}

func (DeadLetterOpened) decode(data []byte) (d DeadLetterOpened, err error) {
	r := reader{rest: data}
	d.Letter.Seq, d.Letter.Index = r.uint64(), r.uint16()
	r.id((*[16]byte)(&d.Batch))
	if err := r.end(); err != nil {
		return d, err
	}
	return d, checkLetter(d.Letter)
}

func (d OperationRecorded) appendTo(b []byte) []byte {
	b = appendText(b, d.Outcome)
	b = binary.BigEndian.AppendUint16(b, uint16(d.TargetCount()))
	return append(b, d.Targets...)
}

func (OperationRecorded) decode(data []byte) (d OperationRecorded, err error) {
	r := reader{rest: data}
	d.Outcome = r.text()
	d.Targets = r.take(16 * int(r.uint16()))
	if err := r.end(); err != nil {
		return d, err
	}
	if len(d.Outcome) > 0 && (len(d.Outcome) > MaxOutcomeBytes || !bytes.HasPrefix(d.Outcome, []byte("{")) || strictjson.Check(d.Outcome) != nil) {
		return d, fmt.Errorf("%w: an outcome is a JSON object of up to %d bytes", ErrRule, MaxOutcomeBytes)
	}
	return d, nil
}

// ReadEvent reads the frame of one event, or its beginning, which suffices for
// its Meta and its Entity. The event holds what could be read also beside the
// error, which is ErrRule.
func ReadEvent(frame []byte) (e Event, err error) {
	if len(frame) < frameHeaderSize {
		return e, errShort
	}
	err = e.parse(frame, 0)
	return e, err
}

// IsEventFrame reports whether raw is the frame of one event, as AppendEvent
// writes it, whatever its data is worth; or its beginning, of so many bytes in all.
func IsEventFrame(raw []byte, size int) bool {
	return len(raw) >= frameHeaderSize && raw[0] != frameCommand && frameHeaderSize+int(binary.BigEndian.Uint16(raw[3:])) == size
}

// Frames yields the frames that stand one after the other, each whole.
func Frames(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for n := frameSize(b); n > 0 && yield(b[:n]); n = frameSize(b) {
			b = b[n:]
		}
	}
}

// Entity returns what the event is about: a video, a job, or a user. Dead
// letters of one entity keep their order when they are redriven. It is zero
// where the event does not get so far as to say it.
func (e *Event) Entity() (id [16]byte) {
	data := e.data
	if e.Type == TypeNotificationSent && len(data) >= 16 {
		data = data[16:] // behind the notification's own ID stands the recipient
	}
	if len(data) >= 16 && !e.Type.Internal() {
		id = [16]byte(data)
	}
	return id
}
