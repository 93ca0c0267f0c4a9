package api

import (
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// sweepEvery is how often deadlines are looked at, and so how late one may be.
const sweepEvery = time.Second

// deadline is a read or write deadline of a connection. The two of a connection
// are moved several times a request, and the runtime changes a timer under a
// lock for each. Here a move is a store; a sweep over all connections enforces
// what has passed. The limits are of 5 s and more, so a second or two of delay
// do not matter.
type deadline struct {
	// at is when it passes, in nanoseconds on the server's clock; never is none.
	at atomic.Int64
	// real is set while the socket itself has a deadline.
	real atomic.Bool
	mu   sync.Mutex
}

const never = math.MaxInt64

// aPast is a deadline that has passed, whatever the clock says.
var aPast = time.Unix(1, 0)

// move sets the deadline; now is no later than the present moment. One that
// has passed by then takes effect at once: net/http ends reads so.
func (d *deadline) move(at, now int64, set func(time.Time) error) error {
	d.at.Store(at)
	if at > now && !d.real.Load() {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if at <= now {
		d.real.Store(true)
		return set(aPast)
	}
	d.real.Store(false)
	return set(time.Time{})
}

// enforce lets the socket know of a deadline that has passed. It says so before
// it looks again, and move looks after it has moved: one of them sees the other.
func (d *deadline) enforce(now int64, set func(time.Time) error) {
	if d.at.Load() > now {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.real.Swap(true)
	if d.at.Load() > now {
		d.real.Store(before) // the socket is as it was; who moved the deadline may still look
		return
	}
	_ = set(aPast) // fails for a connection that is closed
}

// sweepClock is the time of the last sweep, in nanoseconds since it was made.
// It is monotonic: a clock that is set must not cut anybody off.
type sweepClock struct {
	start time.Time
	now   atomic.Int64
	// date is the header value Date of the last sweep.
	date atomic.Pointer[string]
}

// begin sets the clock going.
func (c *sweepClock) begin() {
	c.start = time.Now()
	c.tick()
}

// tick takes the present time, and returns it.
func (c *sweepClock) tick() int64 {
	present := time.Now()
	date := present.UTC().Format(http.TimeFormat)
	c.date.Store(&date)
	now := int64(present.Sub(c.start))
	c.now.Store(now)
	return now
}

// after returns a time on the clock that is later by limit at least, and the
// time of the last sweep.
func (c *sweepClock) after(limit time.Duration) (at, now int64) {
	now = c.now.Load()
	return now + int64(limit+sweepEvery), now
}

// at returns a deadline's time on the clock.
func (c *sweepClock) at(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return int64(t.Sub(c.start))
}
