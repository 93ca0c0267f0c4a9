package folding

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
)

// Memory is what this process holds, in bytes, after a collection.
type Memory struct {
	// Resident is its physical memory: the heap, and what is mapped beside it.
	// Heap is the part that the collector knows.
	Resident, Heap int64
}

// Held collects garbage, returns what is free to the system, and looks.
func Held() (Memory, error) {
	debug.FreeOSMemory()
	debug.FreeOSMemory() // what the first one's finalizers let go of
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return Memory{}, fmt.Errorf("read memory: %w", err)
	}
	_, rest, found := bytes.Cut(text, []byte("\nVmRSS:"))
	fields := bytes.Fields(rest)
	if !found || len(fields) == 0 {
		return Memory{}, fmt.Errorf("read memory: /proc/self/status has no VmRSS")
	}
	kibibytes, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return Memory{}, fmt.Errorf("read memory: %w", err)
	}
	return Memory{Resident: kibibytes << 10, Heap: int64(s.HeapAlloc)}, nil
}

// DiskBytes is the size of all files under a directory, as the file system
// stores them: Badger's logs are mapped files with holes.
func DiskBytes(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			total += stat.Blocks * 512
		}
		return nil
	})
	return total, err
}
