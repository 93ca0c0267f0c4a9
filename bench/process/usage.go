package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of processor times in /proc: USER_HZ is 100 on every
// architecture that Go runs on.
const tick = 10 * time.Millisecond

// CPU returns the user and system time that the process and its children have
// used since they started. The kernel tells it in steps of 10 ms: over a window
// of some seconds that is well below one percent.
func (s *Server) CPU() (time.Duration, error) {
	total := time.Duration(0)
	err := eachOfTree(s.PID(), func(pid int) error {
		ticks, err := cpuTicks(pid)
		total += time.Duration(ticks) * tick
		return err
	})
	return total, err
}

// OwnCPU returns the user and system time that this process has used: what the
// load costs that it makes.
func OwnCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // it cannot fail for RUSAGE_SELF
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// RSS returns the resident memory of the process, in bytes, without what is
// backed by files, shared memory apart. Children are counted too.
func (s *Server) RSS() (int64, error) {
	var total int64
	err := eachOfTree(s.PID(), func(pid int) error {
		n, err := statusBytes(pid, "RssAnon")
		total += n
		return err
	})
	return total, err
}

// PeakRSS returns the greatest resident size that the process has had (VmHWM),
// in bytes; children are not in it.
func (s *Server) PeakRSS() (int64, error) { return statusBytes(s.PID(), "VmHWM") }

// WholeRSS returns the resident size of the process (VmRSS), mapped files
// included, in bytes; children are not in it.
func (s *Server) WholeRSS() (int64, error) { return statusBytes(s.PID(), "VmRSS") }

// eachOfTree calls f for the process and its descendants. A child that ends
// meanwhile is passed over: its parent's times then hold its own.
func eachOfTree(pid int, f func(pid int) error) error {
	if err := f(pid); err != nil {
		return err
	}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return err
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // a thread that has ended
		}
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return fmt.Errorf("read %s: %w", list, err)
			}
			if err := eachOfTree(child, f); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// cpuTicks returns utime, stime, cutime and cstime of /proc/PID/stat, added:
// the process and those of its children that it has waited for.
func cpuTicks(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return parseTicks(string(text))
}

func parseTicks(stat string) (int64, error) {
	// The second field is the command in brackets, and may hold anything.
	_, rest, found := strings.Cut(stat[max(0, strings.LastIndexByte(stat, ')')):], " ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 15 {
		return 0, fmt.Errorf("read processor time: %q has too few fields", stat)
	}
	var total int64
	for _, field := range fields[11:15] { // fields 14 to 17, counted from 1
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time: %w", err)
		}
		total += n
	}
	return total, nil
}

func statusBytes(pid int, name string) (int64, error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	_, rest, found := strings.Cut(string(text), "\n"+name+":")
	line, _, _ := strings.Cut(rest, "\n")
	kibibytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "kB")), 10, 64)
	if !found || err != nil {
		return 0, fmt.Errorf("read memory: %s has no %s", path, name)
	}
	return kibibytes << 10, nil
}
