package retention

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// A child trims the log of a data directory, and is killed before or after.
const (
	childDirectory = "TIDEMARK_RETENTION_CHILD"
	childTrims     = "TIDEMARK_RETENTION_CHILD_TRIMS"
)

// trimAndDie decides what the log may forget, and is killed between the decision and the
// trim, or between the trim and all that would follow.
func trimAndDie(dir string) {
	w := &world{dir: dir, kept: 9, logger: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.open(ctx); err != nil {
		fmt.Println("open", err)
		os.Exit(1)
	}
	r := w.retention(func(c *Config) {
		c.Trim = func(ctx context.Context, upTo uint64) error {
			if os.Getenv(childTrims) != "" {
				if err := w.log.Trim(ctx, upTo); err != nil {
					return err
				}
			}
			fmt.Println("decided on", upTo)
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	})
	trimmed, err := r.Cycle(ctx)
	fmt.Println("not killed", trimmed, err)
	os.Exit(1)
}

// TestAKillBetweenDecisionAndTrimCostsNothing: the log has what is needed, the service
// goes on, and a read model is made anew of what is there.
func TestAKillBetweenDecisionAndTrimCostsNothing(t *testing.T) {
	for _, c := range []struct {
		trims string
		first uint64
	}{{"", 1}, {"yes", 10}} {
		w := newWorld(t)
		w.say(10)
		w.snapshot()
		w.say(10)
		want := w.digest()
		w.stop()
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childDirectory+"="+w.dir, childTrims+"="+c.trims)
		out, err := child.Output()
		if state, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || state.Signal() != syscall.SIGKILL {
			t.Fatalf("the child ended with %v: %s", err, out)
		}
		w.start()
		if got := w.begins(); got != c.first {
			t.Errorf("trimmed %q: the log begins at %d, want %d", c.trims, got, c.first)
		}
		if got := w.digest(); got.Tables != want.Tables {
			t.Errorf("trimmed %q: digest %v, it was %v", c.trims, got, want)
		}
		if c.trims == "" {
			if _, err := w.retention().Cycle(testContext(t)); err != nil {
				t.Error(err)
			}
		}
		if got := w.begins(); got < 10 {
			t.Errorf("trimmed %q: it goes on to %d", c.trims, got)
		}
		w.say(5)
		want = w.digest()
		w.lost()
		if err := w.projector.WaitFor(testContext(t), want.At); err != nil {
			t.Fatal(err)
		}
		if got := w.digest(); got.Tables != want.Tables {
			t.Errorf("trimmed %q: made anew it has digest %v, it had %v", c.trims, got, want)
		}
		w.stop()
	}
}
