package readmodel

import (
	"syscall"
	"unsafe"
)

const (
	// madviseDontNeed and madviseHugepage are MADV_DONTNEED and MADV_HUGEPAGE.
	madviseDontNeed = 4
	madviseHugepage = 14
)

// preferHugePages asks the kernel to back memory that nobody touched yet with
// huge pages where it can. It is a hint, and nothing depends on it.
//
// The hint reaches to the borders of the huge pages in which the memory begins
// and ends. Small pieces of a table lie side by side more often than not, and a
// huge page that two of them share must be one before the first of them is used.
// What else lies there is the heap's too.
func preferHugePages(first unsafe.Pointer, size uintptr) {
	before := uintptr(first) & (hugePage - 1)
	madvise(uintptr(first)-before, (before+size+hugePage-1)&^(hugePage-1), madviseHugepage)
}

// renew gives whole pages of zeroed memory back to the kernel, which has zeroed
// ones for the next who touches it. Memory that the heap has used before lies in
// small pages, which stay small otherwise.
func renew(first unsafe.Pointer, size uintptr) { madvise(uintptr(first), size, madviseDontNeed) }

func madvise(first, size uintptr, advice int) {
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, first, size, uintptr(advice))
}
