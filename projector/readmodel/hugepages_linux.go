package readmodel

import (
	"syscall"
	"unsafe"
)

// madviseHugepage is MADV_HUGEPAGE.
const madviseHugepage = 14

// preferHugePages asks the kernel to back memory that nobody touched yet with
// large pages where it can: a table of millions of slots is then a few hundred
// page faults instead of a few hundred thousand. It is a hint, and nothing
// depends on it.
func preferHugePages[T any](memory []T) {
	if len(memory) == 0 {
		return
	}
	// The kernel takes whole pages only.
	page := uintptr(syscall.Getpagesize())
	first := unsafe.Pointer(unsafe.SliceData(memory))
	skip := -uintptr(first) & (page - 1)
	bytes := uintptr(len(memory)) * unsafe.Sizeof(memory[0])
	if bytes < skip+page {
		return
	}
	_ = syscall.Madvise(unsafe.Slice((*byte)(unsafe.Add(first, skip)), (bytes-skip)&^(page-1)), madviseHugepage)
}
