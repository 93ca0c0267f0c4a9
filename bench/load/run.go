package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Plan is one run over the connections of a pool.
type Plan struct {
	Script Script
	// Duration is how long requests are sent; the run then waits for the answers
	// that are still to come, and counts them.
	Duration time.Duration
	// Rate is requests a second, sent at even steps whatever the answers do: the
	// open loop. 0 lets each connection send as soon as it has its answer.
	Rate float64
	// Limit ends the run after as many requests; 0 does not.
	Limit int
}

// Report is what came of a run.
type Report struct {
	Requests int
	Seconds  float64
	// BodyBytes is the size of all bodies received.
	BodyBytes int64
	// Latency is from sending, or at a fixed rate from the intended moment, to
	// the whole answer.
	Latency *Histogram
	// Late is how many requests of an open loop left more than a millisecond
	// after their intended moment, for want of a free connection or of processor.
	Late int
}

// Rate is answers a second.
func (r *Report) Rate() float64 { return float64(r.Requests) / r.Seconds }

// LatePercent is the part of the requests that were late.
func (r *Report) LatePercent() float64 { return 100 * float64(r.Late) / float64(max(1, r.Requests)) }

// MeanBody is the mean size of a body in bytes.
func (r *Report) MeanBody() float64 { return float64(r.BodyBytes) / float64(max(1, r.Requests)) }

// answerLimit is how long a run waits with nothing happening.
const answerLimit = 30 * time.Second

var errSilent = fmt.Errorf("nothing was answered for %s", answerLimit)

// run is the state of one Plan under way.
type run struct {
	*Pool
	plan   Plan
	report *Report
	start  time.Time
	idle   []int // connections without a request, the longest unused first
	sent   int
	answer Answer
}

// Run sends requests as planned and returns when all are answered. It fails at
// the first wrong answer or broken connection; the pool is of no use after that.
func (p *Pool) Run(ctx context.Context, plan Plan) (*Report, error) {
	r := &run{Pool: p, plan: plan, report: &Report{Latency: NewHistogram()}, start: time.Now()}
	for i := range p.connections {
		r.idle = append(r.idle, i)
	}
	var err error
	for err == nil && !r.done() {
		if err = ctx.Err(); err == nil {
			if err = r.send(); err == nil {
				err = r.receive()
			}
		}
	}
	r.report.Seconds = time.Since(r.start).Seconds()
	return r.report, err
}

func (r *run) done() bool {
	return len(r.idle) == len(r.connections) && r.over()
}

// over reports whether all requests have been sent.
func (r *run) over() bool {
	if r.plan.Limit > 0 && r.sent >= r.plan.Limit {
		return true
	}
	if r.plan.Rate > 0 {
		return r.due(r.sent) >= r.plan.Duration
	}
	return time.Since(r.start) >= r.plan.Duration
}

// due is when the request of that number is meant to be sent.
func (r *run) due(number int) time.Duration {
	return time.Duration(math.Round(float64(number) / r.plan.Rate * float64(time.Second)))
}

// send sends what is due on the connections that are free, and sets the timer
// for what is next.
func (r *run) send() error {
	for len(r.idle) > 0 && !r.over() {
		now := time.Since(r.start)
		intended := now
		if r.plan.Rate > 0 {
			if intended = r.due(r.sent); intended > now {
				return r.wake(intended - now)
			}
		}
		if now-intended > time.Millisecond {
			r.report.Late++
		}
		i := r.idle[0]
		r.idle = append(r.idle[:0], r.idle[1:]...) // some hundred bytes; a ring would not be faster
		c := &r.connections[i]
		c.busy, c.intended, c.unsent = true, intended, r.plan.Script.Next(i)
		r.sent++
		if err := r.write(i); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) wake(after time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(1, after.Nanoseconds()))}
	return os.NewSyscallError("timerfd_settime", unix.TimerfdSettime(r.timer, 0, &spec, nil))
}

func (r *run) write(i int) error {
	c := &r.connections[i]
	n, err := unix.Write(c.fd, c.unsent)
	if err != nil && err != unix.EAGAIN {
		return os.NewSyscallError("write", err)
	}
	if c.unsent = c.unsent[max(0, n):]; len(c.unsent) > 0 {
		return r.rewatch(i, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP)
	}
	return nil
}

// receive waits for answers and takes what is there.
func (r *run) receive() error {
	if len(r.idle) == len(r.connections) && r.over() {
		return nil
	}
	n, err := unix.EpollWait(r.epoll, r.events, int(answerLimit.Milliseconds()))
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("epoll_wait", err)
	}
	if n == 0 {
		return errSilent
	}
	for _, event := range r.events[:n] {
		if event.Fd == timerTag {
			var expirations [8]byte
			_, _ = unix.Read(r.timer, expirations[:]) // reading resets it
			continue
		}
		if event.Events&unix.EPOLLOUT != 0 {
			if err := r.resume(int(event.Fd)); err != nil {
				return err
			}
		}
		if event.Events&^unix.EPOLLOUT != 0 {
			if err := r.read(int(event.Fd)); err != nil {
				return err
			}
		}
	}
	return nil
}

// resume sends the rest of a request that the socket did not take at once.
func (r *run) resume(i int) error {
	if err := r.write(i); err != nil {
		return err
	}
	if len(r.connections[i].unsent) > 0 {
		return nil
	}
	return r.rewatch(i, unix.EPOLLIN|unix.EPOLLRDHUP)
}

func (r *run) read(i int) error {
	c := &r.connections[i]
	if len(c.received) == cap(c.received) {
		c.received = append(c.received, 0)[:len(c.received)] // twice the room
	}
	n, err := unix.Read(c.fd, c.received[len(c.received):cap(c.received)])
	switch {
	case err == unix.EAGAIN, err == unix.EINTR:
		return nil
	case err != nil:
		return os.NewSyscallError("read", err)
	case n == 0:
		return fmt.Errorf("server closed a connection: %w", io.ErrUnexpectedEOF)
	case !c.busy:
		return fmt.Errorf("server sent %d bytes that nobody asked for", n)
	}
	c.received = c.received[:len(c.received)+n]
	size, err := parse(c.received, &r.answer)
	if err != nil || size == 0 {
		return err
	}
	if size != len(c.received) {
		return fmt.Errorf("server sent %d bytes after its answer", len(c.received)-size)
	}
	return r.finish(i)
}

// finish counts a whole answer and sends what is due: in a closed loop the next
// request of this connection.
func (r *run) finish(i int) error {
	c := &r.connections[i]
	r.report.Latency.Record(time.Since(r.start) - c.intended)
	r.report.Requests++
	r.report.BodyBytes += int64(len(r.answer.Body))
	err := r.plan.Script.Check(i, &r.answer)
	c.busy, c.received = false, c.received[:0]
	r.idle = append(r.idle, i)
	if err != nil {
		return err
	}
	return r.send()
}
