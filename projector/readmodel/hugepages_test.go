package readmodel

import (
	"runtime"
	"testing"
	"unsafe"
)

// TestPiecesBeginWithAHugePage makes pieces from memory that the heap has used
// before: they are zero, lie apart, and the large ones share no huge page.
func TestPiecesBeginWithAHugePage(t *testing.T) {
	for round := range 3 {
		var pieces [][]cells
		for _, n := range []int{1, 2, 64, 256, 257, 512} {
			piece := tablePiece[cells](n)
			if len(piece) != n {
				t.Fatalf("%d of %d entries", len(piece), n)
			}
			first := uintptr(unsafe.Pointer(unsafe.SliceData(piece)))
			if size := uintptr(n) * unsafe.Sizeof(piece[0]); size >= alignFrom && first%hugePage != 0 {
				t.Errorf("%d bytes begin at %x", size, first)
			}
			for i := range piece {
				for c := range piece[i] {
					if got := piece[i][c].Load(); got != 0 {
						t.Fatalf("round %d: entry %d of %d is not zero but %x", round, i, n, got)
					}
					piece[i][c].Store(uint64(n)<<32 | uint64(i))
				}
			}
			pieces = append(pieces, piece)
		}
		for _, piece := range pieces {
			for i := range piece {
				if got := piece[i][segmentCells-1].Load(); got != uint64(len(piece))<<32|uint64(i) {
					t.Fatalf("entry %d of %d was changed by another to %x", i, len(piece), got)
				}
			}
		}
		runtime.GC() // the next round gets the memory of this one
	}
}
