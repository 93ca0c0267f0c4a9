package crash

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
)

// site is one data directory and the process that serves it, start after start.
type site struct {
	*served.Process
	t testing.TB
	// readyTimes holds, for each start, how long it took to be ready.
	readyTimes []time.Duration
}

const (
	// readyWithin bounds a start (I5). On an idle machine these logs take half a
	// second; what is asserted leaves room for a busy one.
	readyWithin = time.Minute
	// gracefulStop is how long the service may take to end after SIGTERM: a moment on
	// an idle machine.
	gracefulStop = 30 * time.Second
)

// newSite is a data directory that is not served yet.
func newSite(t testing.TB, dir string, flags ...string) *site {
	// Who waits for the fold is not answered before it is there, on a busy machine too.
	s := &site{Process: served.New(binary, dir, append([]string{"--wait-limit=10s"}, flags...)...), t: t}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("the service said:\n%s", served.Tail(s.Log.String()))
		}
	})
	return s
}

// launch starts the process and returns at once.
func (s *site) launch(flags ...string) {
	s.t.Helper()
	if err := s.Launch(flags...); err != nil {
		s.t.Fatal(err)
	}
}

// start launches the process and returns when it is ready.
func (s *site) start(flags ...string) {
	s.t.Helper()
	if err := s.tryStart(flags...); err != nil {
		s.t.Fatal(err)
	}
}

// tryStart is start for services that may refuse.
func (s *site) tryStart(flags ...string) error {
	s.t.Helper()
	began := time.Now()
	s.launch(flags...)
	if err := s.AwaitAddress(); err != nil {
		return err
	}
	if err := s.AwaitReady(readyWithin); err != nil {
		return err
	}
	s.readyTimes = append(s.readyTimes, time.Since(began))
	return nil
}

// stop ends the process with SIGTERM: it must exit with 0.
func (s *site) stop() {
	s.t.Helper()
	if err := s.Stop(gracefulStop); err != nil {
		s.t.Error(err)
	}
}

func (s *site) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

// awaitExit waits for the process to end by itself and returns its exit status.
func (s *site) awaitExit(limit time.Duration) int {
	s.t.Helper()
	code, err := s.AwaitExit(limit)
	if err != nil {
		s.t.Fatal(err)
	}
	return code
}

// token asks the program itself for a bearer token.
func (s *site) token(sub id, roles ...string) string {
	s.t.Helper()
	return s.Token(s.t, sub.String(), roles...)
}

// readiness is the longest and the middle time to ready.
func (s *site) readiness() string {
	times := slices.Sorted(slices.Values(s.readyTimes))
	if len(times) == 0 {
		return "never ready"
	}
	return fmt.Sprintf("ready in %v (median of %d starts), at most %v",
		times[len(times)/2].Round(time.Millisecond), len(times), times[len(times)-1].Round(time.Millisecond))
}
