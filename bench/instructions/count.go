package instructions

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// Counts are the instructions that each workload executes once, by its name, and
// what they depend on besides the code.
type Counts struct {
	Go       string             `json:"go"`
	Arch     string             `json:"arch"`
	Valgrind string             `json:"valgrind"`
	Executed map[string]float64 `json:"instructions"`
}

// Count builds the benchmarks of the product in root and counts what they execute.
// What it writes goes to dir.
func Count(ctx context.Context, root, dir string) (*Counts, error) {
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		return nil, errors.New("instructions are counted by valgrind, which is not installed: apt-get install valgrind")
	}
	version, err := exec.CommandContext(ctx, valgrind, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask valgrind for its version: %w", err)
	}
	c := &Counts{Go: runtime.Version(), Arch: runtime.GOARCH, Valgrind: strings.TrimSpace(string(version)), Executed: make(map[string]float64)}
	binaries := make(map[string]string) // by package
	for _, w := range workloads {
		if binaries[w.pkg] == "" {
			if binaries[w.pkg], err = build(ctx, root, dir, w.pkg); err != nil {
				return nil, err
			}
		}
		run := runner{valgrind: valgrind, binary: binaries[w.pkg], dir: filepath.Join(root, w.pkg)}
		if c.Executed[w.name], err = run.difference(ctx, &w); err != nil {
			return nil, fmt.Errorf("count the instructions to %s: %w", w.name, err)
		}
	}
	return c, nil
}

func build(ctx context.Context, root, dir, pkg string) (binary string, err error) {
	binary = filepath.Join(dir, filepath.Base(pkg)+".test")
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-trimpath", "-o", binary, pkg)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the benchmarks of %s: %w\n%s", pkg, err, said)
	}
	return binary, nil
}

// runner runs the benchmarks of one package.
type runner struct{ valgrind, binary, dir string }

// difference is what one iteration executes.
func (r *runner) difference(ctx context.Context, w *workload) (float64, error) {
	few, err := r.count(ctx, w, w.few)
	if err != nil {
		return 0, err
	}
	many, err := r.count(ctx, w, w.many)
	if err != nil {
		return 0, err
	}
	return (many - few) / float64(w.many-w.few), nil
}

func (r *runner) count(ctx context.Context, w *workload, iterations int) (float64, error) {
	cmd := exec.CommandContext(ctx, r.valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null",
		r.binary, "-test.run=^$", "-test.bench="+w.pattern, "-test.benchtime="+strconv.Itoa(iterations)+"x")
	cmd.Dir = r.dir
	// One thread, no collector, and no signals, which callgrind does not survive:
	// what differs between two runs is then some thousand instructions.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	said, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("run it under valgrind: %w\n%s", err, said)
	}
	return collected(said, iterations)
}

var (
	ran       = regexp.MustCompile(`(?m)^Benchmark\S*\s+(\d+)\s`)
	collector = regexp.MustCompile(`(?m)^==\d+== Collected : (\d+)$`)
)

// collected reads what valgrind and the benchmark said.
func collected(said []byte, iterations int) (float64, error) {
	loops, counts := ran.FindAllSubmatch(said, -1), collector.FindSubmatch(said)
	if len(loops) != 1 || string(loops[0][1]) != strconv.Itoa(iterations) || counts == nil {
		return 0, fmt.Errorf("not exactly one benchmark ran %d times:\n%s", iterations, said)
	}
	return strconv.ParseFloat(string(counts[1]), 64)
}
