package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
)

// disk is an ext4 file system in a file, on a loop mount. What a process
// fsyncs there is in the file; the rest is gone when the power is cut.
type disk struct {
	t     *testing.T
	image string
	dir   string // where it is mounted
}

// newDisk makes a file system of that size. Where that is not possible the test
// fails and says what is missing: a power cut that nobody tried proves nothing.
func newDisk(t *testing.T, size string) *disk {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Fatal("a file system of its own needs root on Linux: run the tests as root, in a container with --privileged")
	}
	for _, program := range []string{"mkfs.ext4", "mount", "umount", "truncate", "fallocate"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("a file system of its own needs %s: run make deps (apt-get install e2fsprogs mount util-linux coreutils)", program)
		}
	}
	dir := t.TempDir()
	d := &disk{t: t, image: filepath.Join(dir, "disk.img"), dir: filepath.Join(dir, "mnt")}
	d.must("truncate", "-s", size, d.image)
	d.must("mkfs.ext4", "-q", "-F", d.image)
	if err := os.Mkdir(d.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		t.Fatalf("mount a file on a loop device (modprobe loop; in a container: --privileged): %v: %s", err, out)
	}
	t.Cleanup(func() {
		if exec.Command("umount", d.dir).Run() != nil {
			_ = exec.Command("umount", "-l", d.dir).Run() // not mounted any more
		}
	})
	return d
}

func (d *disk) must(program string, args ...string) {
	d.t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		d.t.Fatalf("%s %s: %v: %s", program, strings.Join(args, " "), err, out)
	}
}

const (
	// fsIocShutdown is FS_IOC_SHUTDOWN, _IOR('X', 125, __u32).
	fsIocShutdown = 0x8004587d
	// noLogFlush leaves the journal as it is on the disk: a power cut, not an
	// orderly halt.
	noLogFlush = 2
)

// cut freezes the service, takes the disk away from under it, ends it, and
// brings the disk back with what was on it at that moment.
func (d *disk) cut(s *site) {
	d.t.Helper()
	s.freeze()
	root, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	how := uint32(noLogFlush)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, root.Fd(), fsIocShutdown, uintptr(unsafe.Pointer(&how)))
	_ = root.Close()
	if errno != 0 {
		d.t.Fatalf("shut the file system down: %v", errno)
	}
	s.Kill()
	d.must("umount", d.dir)
	d.must("mount", "-o", "loop", d.image, d.dir)
}

// freeze stops the process and waits until each of its threads has stopped: a
// signal takes its time to reach them, and an fsync that ends after the disk is
// gone may say that all is well. No power cut leaves a process alive.
func (s *site) freeze() {
	s.t.Helper()
	s.signal(syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(context.Background(), served.Patience)
	defer cancel()
	tasks := fmt.Sprintf("/proc/%d/task/*/stat", s.PID())
	for tick := time.Tick(time.Millisecond); ; {
		running, err := runningTasks(tasks)
		if err == nil && running == 0 {
			return
		}
		select {
		case <-tick:
		case <-ctx.Done():
			s.t.Fatalf("%d threads of the service do not stop: %v", running, err)
		}
	}
}

// runningTasks counts the threads that have not stopped; the state follows the
// name, which ends at the last parenthesis (proc(5)).
func runningTasks(pattern string) (running int, err error) {
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		return 1, errors.Join(err, errors.New("no threads are found"))
	}
	for _, name := range names {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		if _, rest, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " "); !strings.HasPrefix(rest, "T") {
			running++
		}
	}
	return running, nil
}

// free is the space that an ordinary process may still use, in bytes.
func (d *disk) free() int64 {
	d.t.Helper()
	var stat syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &stat); err != nil {
		d.t.Fatal(err)
	}
	return int64(stat.Bavail) * int64(stat.Bsize)
}
