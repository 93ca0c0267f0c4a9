package log

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/internal/sleep"
)

const (
	// requestLimit bounds one question to JetStream.
	requestLimit = 2 * time.Second
	// messageLimit bounds the question for a message, which may have megabytes: on a
	// busy machine the answer with the largest took 2.3 s. A writer that lost an ack asks
	// as well, and one lost answer must not use up what it waits before it calls the log
	// stalled (WriterConfig.StallLimit).
	messageLimit = 5 * time.Second
	// trimLimit bounds a trim: removing many files takes its time.
	trimLimit = 30 * time.Second
	// probeEvery is the pace of the probe, suspectEvery while something looks wrong.
	probeEvery   = time.Second
	suspectEvery = 200 * time.Millisecond
	// suspicionSpan is for how long every answer must say that the stream is gone
	// or has shrunk: during an election, a server of a cluster may say so in error.
	suspicionSpan = time.Second
)

// watch is what is known of the stream from outside: when it last answered,
// and whether it is still the one that was opened.
type watch struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	at      time.Time
	lastSeq uint64
	// suspectSince is when the first of the answers in a row came that speak
	// against the log; zero after one that speaks for it.
	suspectSince time.Time

	// foreign is closed when the log was found to be another one; why holds the reason.
	foreign chan struct{}
	why     error
}

func (w *watch) init() {
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.foreign = make(chan struct{})
}

// Contact returns when the log last answered, be it with a message, an ack or
// to the probe that asks once a second, and the last sequence of the stream at
// that moment. With a log that is out of reach, the time stands still.
func (l *Log) Contact() (at time.Time, lastSeq uint64) {
	l.watch.mu.Lock()
	defer l.watch.mu.Unlock()
	return l.watch.at, l.watch.lastSeq
}

// Foreign returns a channel that is closed when the stream turns out to be
// deleted, made anew, or shorter than it was. Readers and writers then return
// ErrForeignLog.
func (l *Log) Foreign() <-chan struct{} { return l.watch.foreign }

// foreignErr returns why the log is a foreign one, nil as long as it is not.
func (l *Log) foreignErr() error {
	select {
	case <-l.watch.foreign:
		return l.watch.why
	default:
		return nil
	}
}

// Bounds returns the first and the last sequence of the stream. In an empty log
// first is last+1; in one that never held anything, 1 and 0. That it answers at
// all shows that JetStream lives, not that it takes writes.
func (l *Log) Bounds(ctx context.Context) (first, last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	_, known := l.Contact() // before the question, so that no newer ack can make the answer look old
	stream, err := l.pubJS.Stream(ctx, EventsStream)
	if err != nil {
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			l.suspect(fmt.Errorf("%w: stream %s is gone", ErrForeignLog, EventsStream))
		} else {
			l.unsuspect()
		}
		return 0, 0, fmt.Errorf("ask for the bounds of stream %s: %w", EventsStream, err)
	}
	info := stream.CachedInfo()
	if id, err := l.cfg.identify(info); err != nil || id.incarnation != l.incarnation {
		err := fmt.Errorf("%w: stream %s has incarnation %q, it had %s", ErrForeignLog, EventsStream,
			info.Config.Metadata[IncarnationKey], l.incarnation)
		l.declareForeign(err)
		return 0, 0, err
	}
	if err := l.checkEnd(known, info.State.LastSeq); err != nil {
		return 0, 0, err
	}
	return max(info.State.FirstSeq, 1), info.State.LastSeq, nil
}

// checkEnd records an answer of the stream and suspects it if its end lies
// before where it lay when the question was asked.
func (l *Log) checkEnd(known, last uint64) error {
	if last < known {
		err := fmt.Errorf("%w: stream %s ends at %d, it ended at %d", ErrForeignLog, EventsStream, last, known)
		l.suspect(err)
		return fmt.Errorf("an older end of stream %s was answered: %d, known is %d", EventsStream, last, known)
	}
	l.contact(last)
	return nil
}

// contact records that the log answered and how far it reaches.
func (l *Log) contact(last uint64) {
	now := time.Now()
	w := &l.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.lastSeq, w.suspectSince = now, max(w.lastSeq, last), time.Time{}
}

// suspect notes an answer that speaks against the log; nothing else for a while decides.
func (l *Log) suspect(why error) {
	w := &l.watch
	w.mu.Lock()
	if w.suspectSince.IsZero() {
		w.suspectSince = time.Now()
	}
	enough := time.Since(w.suspectSince) >= suspicionSpan
	w.mu.Unlock()
	if enough {
		l.declareForeign(why)
	}
}

// unsuspect starts anew: silence speaks neither for nor against the log.
func (l *Log) unsuspect() {
	l.watch.mu.Lock()
	defer l.watch.mu.Unlock()
	l.watch.suspectSince = time.Time{}
}

func (l *Log) declareForeign(why error) {
	w := &l.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.why == nil {
		w.why = why
		close(w.foreign)
	}
}

// probe keeps Contact fresh while nothing is delivered, until Close or until
// the log is a foreign one.
func (l *Log) probe() {
	for {
		wait := probeEvery
		if _, _, err := l.Bounds(l.watch.ctx); err != nil {
			wait = suspectEvery
			l.cfg.Logger.Debug("probe of the event log", "error", err)
		}
		if l.foreignErr() != nil || !sleep.For(l.watch.ctx, wait) {
			return
		}
	}
}
