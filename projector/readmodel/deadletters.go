package readmodel

import "github.com/tidemark-io/tidemark/events"

// DeadLetter is an event, or a whole message, that could not be folded.
type DeadLetter struct {
	Position events.Position
	Reason   string
	// Subject is where the message was published.
	Subject string
	// Raw is the beginning of the event's frame, or of the message; Size is how
	// many bytes there were. The log holds the whole.
	Raw  []byte
	Size int
}

// maxDeadLetterBytes bounds what is kept of one dead letter in the state: all
// of most events, and little of what a broken producer may send without end.
const maxDeadLetterBytes = 4 << 10

// AddDeadLetter records what could not be folded, and why.
func (m *Model) AddDeadLetter(d DeadLetter) {
	raw := d.Raw[:min(len(d.Raw), maxDeadLetterBytes)]
	m.rows.put(keyOf(rowDeadLetter).position(d.Position),
		record(nil).uint64(uint64(len(d.Raw))).text([]byte(d.Reason)).text([]byte(d.Subject)).text(raw))
}

// DeadLetters lists dead letters after a position, oldest first, at most limit
// of them.
func (s *Snapshot) DeadLetters(after events.Position, limit int) ([]DeadLetter, error) {
	prefix := keyOf(rowDeadLetter)
	from := append(keyOf(rowDeadLetter).position(after), 0)
	if after == (events.Position{}) {
		from = prefix
	}
	var list []DeadLetter
	err := s.rows.scan(prefix, from, func(key, value []byte) bool {
		k, f := fields(key[len(prefix):]), fields(append([]byte{}, value...))
		list = append(list, DeadLetter{
			Position: k.position(), Size: int(f.uint64()), Reason: string(f.text()), Subject: string(f.text()), Raw: f.text(),
		})
		return len(list) < limit
	})
	return list, err
}
