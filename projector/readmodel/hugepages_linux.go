package readmodel

import (
	"syscall"
	"unsafe"
)

const (
	// madviseHugepage is MADV_HUGEPAGE.
	madviseHugepage = 14
	hugePage        = 2 << 20
)

// preferHugePages asks the kernel to back memory that nobody touched yet with
// large pages where it can: a table of millions of slots is then a few hundred
// page faults instead of a few hundred thousand, and finding a slot seldom needs
// a walk through page tables. It is a hint, and nothing depends on it.
//
// The hint reaches to the borders of the huge pages in which the memory begins
// and ends. Pieces of a table lie side by side more often than not, and a huge
// page that two of them share must be one before the first of them is used.
// What else lies there is the heap's too.
func preferHugePages[T any](memory []T) {
	if len(memory) == 0 {
		return
	}
	first := unsafe.Pointer(unsafe.SliceData(memory))
	before := uintptr(first) & (hugePage - 1)
	bytes := before + uintptr(len(memory))*unsafe.Sizeof(memory[0])
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(first)-before, (bytes+hugePage-1)&^(hugePage-1), madviseHugepage)
}
