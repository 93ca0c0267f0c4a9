package mapped

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"syscall"
)

// madviseDontNeed is MADV_DONTNEED: of a shared file, what is in memory stays the
// kernel's to write and to drop.
const madviseDontNeed = 4

// mapMore makes the file longer by so many bytes and maps them. They get their
// place on the disk now: a disk that is full would end the process when they are
// written to.
func mapMore(file *os.File, at int64, bytes int) ([]byte, error) {
	err := syscall.Fallocate(int(file.Fd()), 0, at, int64(bytes))
	for errors.Is(err, syscall.EINTR) { // the runtime's signals may come in between
		err = syscall.Fallocate(int(file.Fd()), 0, at, int64(bytes))
	}
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		err = file.Truncate(at + int64(bytes))
	}
	if err != nil {
		return nil, err
	}
	return syscall.Mmap(int(file.Fd()), at, bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
}

func unmap(b []byte) error { return syscall.Munmap(b) }

// letGo is a hint: what could not be let go of is held.
func letGo(b []byte) { _ = syscall.Madvise(b, madviseDontNeed) }

// heldFiles tells how many bytes of files the process holds in memory.
type heldFiles struct {
	statm *os.File // nil where the kernel does not tell
}

func openHeld() heldFiles {
	file, err := os.Open("/proc/self/statm")
	if err != nil {
		return heldFiles{}
	}
	return heldFiles{file}
}

func (h heldFiles) bytes() int {
	if h.statm == nil {
		return 0
	}
	var text [128]byte
	n, _ := h.statm.ReadAt(text[:], 0)
	fields := bytes.Fields(text[:n])
	if len(fields) < 3 {
		return 0
	}
	pages, _ := strconv.Atoi(string(fields[2]))
	return pages * os.Getpagesize()
}

func (h heldFiles) close() error {
	if h.statm == nil {
		return nil
	}
	return h.statm.Close()
}
