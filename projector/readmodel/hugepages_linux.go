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
func preferHugePages(chunks []videoChunk) {
	if len(chunks) == 0 {
		return
	}
	// The kernel takes whole pages only; a chunk is larger than one.
	page := uintptr(syscall.Getpagesize())
	first := unsafe.Pointer(unsafe.SliceData(chunks))
	skip := -uintptr(first) & (page - 1)
	bytes := (uintptr(len(chunks))*unsafe.Sizeof(videoChunk{}) - skip) &^ (page - 1)
	_ = syscall.Madvise(unsafe.Slice((*byte)(unsafe.Add(first, skip)), bytes), madviseHugepage)
}
