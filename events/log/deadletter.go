package log

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/internal/sleep"
)

// Headers of a dead letter.
const (
	// DeadPositionHeader holds where the event lies in the log: "sequence.index".
	DeadPositionHeader = "Tidemark-Position"
	// DeadIncarnationHeader holds the log's incarnation, 32 hex digits.
	DeadIncarnationHeader = "Tidemark-Incarnation"
	// DeadReasonHeader says in a sentence what is wrong.
	DeadReasonHeader = "Tidemark-Reason"
	// DeadSubjectHeader holds the subject on which the message was published.
	DeadSubjectHeader = "Tidemark-Subject"
	// DeadSizeHeader holds the size of the data in bytes where it was cut to fit.
	DeadSizeHeader = "Tidemark-Size"
)

const (
	// maxDeadData and maxDeadText leave room for the headers in a message. A
	// foreign message can be of the maximal size itself.
	maxDeadData = 768 << 10
	maxDeadText = 1024
)

// DeadLetter is an event, or a whole message, that could not be folded.
type DeadLetter struct {
	// Position is where it lies in the log; index 0 for a whole message.
	Position events.Position
	// Reason says what is wrong; cut at 1,024 bytes, line ends become spaces.
	Reason string
	// Subject is where the message was published.
	Subject string
	// Data is the event as it lies in the record batch, or the message. What
	// exceeds 768 KiB is cut, and the log itself has the whole.
	Data []byte
}

// deadLetters remembers the end of the dead-letter stream.
type deadLetters struct {
	mu sync.Mutex
	// last is the position of the newest dead letter of this incarnation, the
	// zero position where there is none.
	last events.Position
	// end is the last sequence of the stream, next to which last was read.
	end uint64
}

// deadLetterAttempts bounds how often one call tries; the caller comes again.
const deadLetterAttempts = 5

// DeadLetter appends a dead letter and returns when it is stored. Dead letters
// are handed over in order of position; one that is at or before the newest in
// the stream is there already and nothing is stored. So a fold that starts over,
// here or on another node, repeats none, at whatever distance in time.
func (l *Log) DeadLetter(ctx context.Context, letter DeadLetter) error {
	d := &l.dead
	d.mu.Lock()
	defer d.mu.Unlock()
	for attempt := 0; ; attempt++ {
		if letter.Position.Compare(d.last) <= 0 {
			return nil
		}
		err := l.publishDeadLetter(ctx, letter)
		if err == nil {
			return nil
		}
		if attempt >= deadLetterAttempts {
			return fmt.Errorf("publish dead letter %s: %w", letter.Position, err)
		}
		if foreign := l.foreignErr(); foreign != nil {
			return foreign
		}
		if !wrongSequence(err) && !sleep.For(ctx, backoff(attempt)) {
			return fmt.Errorf("publish dead letter %s: %w", letter.Position, errors.Join(ctx.Err(), err))
		}
		// Lost, refused, or overtaken by another node: its end tells.
		if err := l.openDeadLetters(ctx); err != nil && !sleep.For(ctx, backoff(attempt)) {
			return fmt.Errorf("publish dead letter %s: %w", letter.Position, errors.Join(ctx.Err(), err))
		}
	}
}

func (l *Log) publishDeadLetter(ctx context.Context, letter DeadLetter) error {
	d := &l.dead
	msg := nats.NewMsg(DeadLetterSubject)
	msg.Header.Set(DeadPositionHeader, letter.Position.String())
	msg.Header.Set(DeadIncarnationHeader, l.incarnation.String())
	msg.Header.Set(DeadReasonHeader, headerText(letter.Reason))
	msg.Header.Set(DeadSubjectHeader, headerText(letter.Subject))
	if len(letter.Data) > maxDeadData {
		msg.Header.Set(DeadSizeHeader, strconv.Itoa(len(letter.Data)))
	}
	msg.Data = letter.Data[:min(len(letter.Data), maxDeadData)]

	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	ack, err := l.pubJS.PublishMsg(ctx, msg,
		jetstream.WithMsgID(l.incarnation.String()+"."+letter.Position.String()),
		jetstream.WithExpectStream(DeadLettersStream),
		jetstream.WithExpectLastSequence(d.end),
		jetstream.WithRetryAttempts(0))
	if err != nil {
		return err
	}
	if ack.Duplicate {
		return fmt.Errorf("dead letter %s lies at %d already", letter.Position, ack.Sequence)
	}
	d.last, d.end = letter.Position, ack.Sequence
	return nil
}

// openDeadLetters reads the end of the dead-letter stream. A last message that
// is damaged, or no dead letter at all, is passed over backwards. Where the
// newest is of another incarnation of the log, this one has none yet.
func (l *Log) openDeadLetters(ctx context.Context) error {
	infoCtx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	stream, err := l.pubJS.Stream(infoCtx, DeadLettersStream)
	if err != nil {
		return fmt.Errorf("read the end of stream %s: %w", DeadLettersStream, err)
	}
	state := stream.CachedInfo().State
	for seq := state.LastSeq; state.Msgs > 0 && seq >= max(state.FirstSeq, 1); seq-- {
		m, err := l.get(ctx, DeadLettersStream, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if m.header.Get(DeadIncarnationHeader) != "" {
			l.dead.last, l.dead.end = l.deadPosition(m.header), state.LastSeq
			return nil
		}
	}
	l.dead.last, l.dead.end = events.Position{}, state.LastSeq
	return nil
}

// deadPosition reads where a dead letter points to; the zero position for those
// of another incarnation of the log.
func (l *Log) deadPosition(h nats.Header) events.Position {
	if h.Get(DeadIncarnationHeader) != l.incarnation.String() {
		return events.Position{}
	}
	at, err := events.ParsePosition(h.Get(DeadPositionHeader))
	if err != nil {
		return events.Position{}
	}
	return at
}

// headerText makes text fit to stand in a header: one line, bounded.
func headerText(text string) string {
	if len(text) > maxDeadText {
		text = strings.ToValidUTF8(text[:maxDeadText], "")
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text))
}
