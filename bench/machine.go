package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// describe notes what a reader needs to know to judge the figures.
func (r *runCmd) describe(ctx context.Context, env *scenario.Env) (*result.Run, error) {
	run := &result.Run{
		Go: runtime.Version(), Settings: map[string]string{"GOGC": env.GOGC},
		Machine: result.Machine{
			CPU: value("/proc/cpuinfo", "model name", ":"), Cores: runtime.NumCPU(),
			Kernel: "Linux " + firstLine("/proc/sys/kernel/osrelease"),
			System: strings.Trim(value("/etc/os-release", "PRETTY_NAME", "="), `"`),
		},
	}
	kibibytes, _, _ := strings.Cut(value("/proc/meminfo", "MemTotal", ":"), " ")
	n, _ := strconv.ParseInt(kibibytes, 10, 64) // 0 where the kernel does not tell
	run.Machine.Memory = n << 10
	run.Parts = []result.Part{{
		Date: time.Now().UTC().Truncate(time.Second), Commit: commit(ctx, r.Root),
		Size: scenario.Pick(env, "full", "quick", "smoke"), Rounds: cmp.Or(env.Asked, env.DefaultRounds()),
	}}
	var err error
	run.Machine.Fsync, err = fsyncTime(env.Dir)
	return run, err
}

func commit(ctx context.Context, root string) string {
	revision, err := exec.CommandContext(ctx, "git", "-C", root, "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	text := strings.TrimSpace(string(revision))
	changes, err := exec.CommandContext(ctx, "git", "-C", root, "status", "--porcelain", "--untracked-files=no").Output()
	if err != nil || len(changes) > 0 {
		text += "+modified"
	}
	return text
}

// value returns what stands behind a name in a file of names and values.
func value(path, name, separator string) string {
	f, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, rest, _ := strings.Cut(lines.Text(), separator)
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// fsyncTime returns the median time of an fsync after a write of 4 KiB, in ms.
func fsyncTime(dir string) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, fmt.Errorf("measure fsync: %w", err)
	}
	defer f.Close()
	times := make([]float64, 50)
	block := make([]byte, 4<<10)
	for i := range times {
		if _, err := f.Write(block); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		start := time.Now()
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		times[i] = float64(time.Since(start).Microseconds()) / 1000
	}
	return result.Median(times), os.Remove(f.Name())
}
