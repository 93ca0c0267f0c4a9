package readmodel

import (
	"cmp"
	"unsafe"
)

// Space is memory for the flat tables other than Go's heap, such as that in a
// file (projector/mapped). All of a table lies in it, since the collector does not
// look there for what is used. A model with one is for folds beside the serving
// model: nobody but the fold may look into it while it is folded.
type Space interface {
	// Alloc returns that many bytes, all zero and aligned to a word.
	Alloc(bytes int) ([]byte, error)
	// Free takes back what nobody uses any more.
	Free(b []byte)
	// Guard runs fn, and returns an error in place of a fault of what lies below the
	// memory that fn touches on its own goroutine.
	Guard(fn func() error) error
}

// guarded runs fn, which touches tables in a space and may panic with a RowsFailure.
func guarded(s Space, fn func() error) (err error) {
	failed := GuardRows(func() {
		if s == nil {
			err = fn()
		} else {
			err = s.Guard(fn)
		}
	})
	return cmp.Or(err, failed)
}

// alloc makes memory for n of T, on the heap where there is no space. It panics
// with a RowsFailure where there is no room: the fold ends there.
func alloc[T any](s Space, n int) []T {
	if s == nil {
		return make([]T, n)
	}
	b, err := s.Alloc(n * int(unsafe.Sizeof(*new(T))))
	if err != nil {
		panic(RowsFailure{err})
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// allocPiece is alloc for a piece of a table that is looked up at random. T holds
// no pointers.
func allocPiece[T any](s Space, n int) []T {
	if s == nil {
		return tablePiece[T](n)
	}
	return alloc[T](s, n)
}

// release gives memory of alloc back, where that is not the collector's task.
func release[T any](s Space, memory []T) {
	if s != nil && len(memory) > 0 {
		s.Free(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(memory))), len(memory)*int(unsafe.Sizeof(memory[0]))))
	}
}
