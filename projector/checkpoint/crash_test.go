package checkpoint

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// childChanges are what the writer writes as a version: known to both sides.
func childChanges(seed, version uint64) map[string][]byte {
	r := rand.New(rand.NewPCG(seed, version))
	n := 1 + r.IntN(1500)
	if version%5 == 0 {
		n *= 8
	}
	return randomChanges(r, n, 6_000, 50_000)
}

// writeUntilKilled is the child: it writes version upon version, and prints
// each one begun and done.
func writeUntilKilled() {
	seed, _ := strconv.ParseUint(os.Getenv(childSeed), 10, 64)
	s, err := Open(os.Getenv(childDirectory), small)
	if err != nil {
		fmt.Println("open", err)
		os.Exit(1)
	}
	for {
		version, _ := s.Latest()
		version++
		fmt.Println("begin", version)
		if _, err := s.Write(context.Background(), version, entries(childChanges(seed, version)), noteOf(version)); err != nil {
			fmt.Println("write", err)
			os.Exit(1)
		}
		fmt.Println("done", version)
	}
}

func holdLock() {
	if _, err := Open(os.Getenv(childDirectory), small); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("done")
	bufio.NewReader(os.Stdin).ReadString('\n')
}

func startChild(t *testing.T, role, dir string, seed uint64) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+role, childDirectory+"="+dir, childSeed+"="+fmt.Sprint(seed))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return cmd, bufio.NewScanner(out)
}

const kills = 10

func TestKilledWriterLeavesAWholeVersion(t *testing.T) {
	dir := t.TempDir()
	const seed = 11
	r := rand.New(rand.NewPCG(seed, seed))
	want, version := model{}, uint64(0)
	torn := 0
	for kill := range kills {
		cmd, out := startChild(t, roleWriter, dir, seed)
		// The child is killed some time after it began one of its versions.
		stopAt, delay := version+1+r.Uint64N(6), time.Duration(r.IntN(30_000))*time.Microsecond
		begun, done := version, version
		timer := (*time.Timer)(nil)
		for out.Scan() {
			what, n, _ := strings.Cut(out.Text(), " ")
			v, err := strconv.ParseUint(n, 10, 64)
			if err != nil {
				t.Fatalf("writer says %q", out.Text())
			}
			if what == "done" {
				done = v
				continue
			}
			if begun = v; begun == stopAt {
				timer = time.AfterFunc(delay, func() { cmd.Process.Kill() })
			}
		}
		cmd.Wait()
		if timer == nil {
			t.Fatal("writer ended by itself")
		}
		timer.Stop()
		for v := version + 1; v <= done; v++ {
			want = want.with(v, childChanges(seed, v))
		}
		version = done
		s := open(t, dir, small)
		if s.last > s.View().timestamp || s.View().timestamp > s.View().version+uint64(torn) {
			torn++
		}
		got, note := s.Latest()
		if got == done+1 && got == begun {
			want, version = want.with(got, childChanges(seed, got)), got
		} else if got != done {
			t.Fatalf("kill %d: latest is %d, done were %d", kill, got, done)
		}
		if string(note) != string(noteOf(version)) {
			t.Fatalf("kill %d: marker %q", kill, note)
		}
		mustHold(t, s.View(), want)
		version++
		changes := childChanges(seed, version)
		want = want.with(version, changes)
		mustHold(t, write(t, s, version, changes), want)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills, %d torn versions, %d versions in all", kills, torn, version)
}

func TestDirectoryIsOpenOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	if _, err := Open(dir, small); !isLocked(err) {
		t.Errorf("second open: %v", err)
	}
	cmd, out := startChild(t, roleHolder, dir, 0)
	if !out.Scan() || !strings.Contains(out.Text(), ErrLocked.Error()) {
		t.Errorf("other process opened: %q", out.Text())
	}
	cmd.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	cmd, out = startChild(t, roleHolder, dir, 0)
	if !out.Scan() || out.Text() != "done" {
		t.Fatalf("other process: %q", out.Text())
	}
	if _, err := Open(dir, small); !isLocked(err) {
		t.Errorf("open beside other process: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	open(t, dir, small)
}
