package served

import (
	"bytes"
	"sync"
)

// Log keeps what a process writes, and tells who watches.
type Log struct {
	mu   sync.Mutex
	all  bytes.Buffer
	now  bytes.Buffer // since the last Reset
	more chan struct{}
}

// NewLog returns an empty one.
func NewLog() *Log { return &Log{more: make(chan struct{})} }

// Write keeps what is written.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Write(p)
	close(l.more)
	l.more = make(chan struct{})
	return l.now.Write(p)
}

// Watch returns what was written since Reset, and a channel that closes when
// there is more.
func (l *Log) Watch() (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.String(), l.more
}

// Reset begins anew for Watch: a process was started again.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Reset()
}

// String returns all that was ever written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// Tail returns the end of a long text, for messages.
func Tail(text string) string {
	const keep = 8 << 10
	if len(text) > keep {
		return "…" + text[len(text)-keep:]
	}
	return text
}
