package served

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// Patience bounds every wait that nothing is asserted about. It is long because
// two busy cores are slow.
const Patience = 90 * time.Second

// Process is one data directory and the process that serves it, start after
// start. It belongs to one goroutine; who waits for its end may be another.
type Process struct {
	Binary, Dir string
	// Flags are those of every start, beside the directory and a free port.
	Flags []string
	// URL and Host say where it listens, from AwaitAddress on.
	URL, Host string
	Log       *Log

	process *os.Process
	exited  chan struct{} // closed when the process has ended; exit says how
	exit    error
}

// New returns a data directory that is not served yet.
func New(binary, dir string, flags ...string) *Process {
	return &Process{Binary: binary, Dir: dir, Flags: flags, Log: NewLog()}
}

// Launch starts the process and returns at once. Flags are added for this start.
func (p *Process) Launch(flags ...string) error {
	command := exec.Command(p.Binary, slices.Concat([]string{"serve", "--data-dir", p.Dir, "--listen", "127.0.0.1:0"}, p.Flags, flags)...)
	command.Env = Environment()
	command.Stdout, command.Stderr = io.Discard, p.Log
	p.Log.Reset()
	if err := command.Start(); err != nil {
		return fmt.Errorf("start the service: %w", err)
	}
	exited := make(chan struct{})
	p.process, p.exited = command.Process, exited
	go func() {
		p.exit = command.Wait()
		close(exited)
	}()
	return nil
}

// Start launches the process and returns when it is ready.
func (p *Process) Start(flags ...string) error {
	if err := p.Launch(flags...); err != nil {
		return err
	}
	if err := p.AwaitAddress(); err != nil {
		return err
	}
	return p.AwaitReady(Patience)
}

var addressLine = regexp.MustCompile(`msg="tidemark serves" address=(http://(127\.0\.0\.1:[0-9]+))`)

// AwaitAddress waits for the line that says where it listens, which comes before
// it is ready.
func (p *Process) AwaitAddress() error {
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	for {
		said, more := p.Log.Watch()
		if m := addressLine.FindStringSubmatch(said); m != nil {
			p.URL, p.Host = m[1], m[2]
			return nil
		}
		select {
		case <-more:
		case <-p.exited:
			return p.Ended("before it said where it listens")
		case <-deadline.C:
			return fmt.Errorf("the service does not say where it listens; it said:\n%s", Tail(said))
		}
	}
}

// AwaitReady waits until it is ready, for so long at the most.
func (p *Process) AwaitReady(limit time.Duration) error {
	return p.Poll("the service to be ready", limit, func() (bool, string) {
		status, said := p.Readyz()
		return status == http.StatusOK, said
	})
}

var probes = &http.Client{Timeout: Patience}

// Readyz returns what /readyz answers; status 0 where nobody does.
func (p *Process) Readyz() (status int, said string) {
	answer, err := probes.Get(p.URL + "/readyz")
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body) // what came says enough
	return answer.StatusCode, string(text)
}

// Poll asks check until it reports true, for so long at the most and while the
// process lives; the text is what check saw.
func (p *Process) Poll(what string, limit time.Duration, check func() (bool, string)) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := poll(ctx, p.exited, what, check)
	if errors.Is(err, errEnded) {
		return p.Ended("while it was waited for " + what)
	}
	return err
}

// Signal sends a signal to the process.
func (p *Process) Signal(signal syscall.Signal) error {
	if err := p.process.Signal(signal); err != nil {
		return fmt.Errorf("signal the service: %w", err)
	}
	return nil
}

// Stop ends the process with SIGTERM: it must exit with 0, within the limit.
func (p *Process) Stop(limit time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	switch code, err := p.AwaitExit(limit); {
	case err != nil:
		return err
	case code != 0:
		return p.Ended("after SIGTERM with another status than 0")
	}
	return nil
}

// Kill ends the process as a crash would. One that was never launched, or has
// ended, is as good.
func (p *Process) Kill() {
	if p.process != nil {
		_ = p.process.Kill()
		<-p.exited
	}
}

// AwaitExit waits for the process to end by itself and returns its exit status,
// -1 where a signal ended it.
func (p *Process) AwaitExit(limit time.Duration) (int, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		return 0, fmt.Errorf("the process has not ended after %v; it said:\n%s", limit, Tail(p.Said()))
	}
	var exit *exec.ExitError
	switch {
	case p.exit == nil:
		return 0, nil
	case errors.As(p.exit, &exit):
		return exit.ExitCode(), nil
	}
	return 0, fmt.Errorf("wait for the process: %w", p.exit)
}

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// PID is the running process's.
func (p *Process) PID() int { return p.process.Pid }

// Said is what the process has written since its last start.
func (p *Process) Said() string {
	said, _ := p.Log.Watch()
	return said
}

// Ended is the error of a process that has ended when it should not have.
func (p *Process) Ended(when string) error {
	return fmt.Errorf("the service ended %s: %v; it said:\n%s", when, p.exit, Tail(p.Said()))
}
