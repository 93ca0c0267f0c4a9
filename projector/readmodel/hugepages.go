package readmodel

import "unsafe"

const (
	// hugePage is the size of a huge page of the usual processors.
	hugePage = 2 << 20
	// alignFrom is the size from which a piece has huge pages of its own. The
	// runtime counts one more than are used then.
	alignFrom = 4 * hugePage
	// heapPage is where the runtime may begin an allocation.
	heapPage = 8 << 10
)

// tablePiece makes memory for n entries of a table, which lies in huge pages
// where the kernel gives them: finding an entry then seldom needs a walk through
// page tables, and a table of millions of them is a few hundred page faults
// instead of a few hundred thousand. T holds no pointers.
//
// A large piece begins and ends with a huge page. One that it shared with others
// would be split as soon as the runtime gives back what lies beside it.
func tablePiece[T any](n int) []T {
	var entry T
	size := uintptr(n) * unsafe.Sizeof(entry)
	if size < alignFrom {
		piece := make([]T, n)
		preferHugePages(unsafe.Pointer(unsafe.SliceData(piece)), size)
		return piece
	}
	whole := (size + hugePage - 1) &^ (hugePage - 1)
	memory := make([]byte, whole+hugePage-heapPage)
	first := unsafe.Pointer(unsafe.SliceData(memory))
	first = unsafe.Add(first, -uintptr(first)&(hugePage-1))
	renew(first, whole)
	preferHugePages(first, whole)
	return unsafe.Slice((*T)(first), n)
}
