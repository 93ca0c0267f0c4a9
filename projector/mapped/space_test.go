package mapped

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

func open(t *testing.T, limit int) *Space {
	t.Helper()
	s, err := Open(t.TempDir(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMemoryIsZeroAlignedAndUsedAgain(t *testing.T) {
	for _, page := range []int{os.Getpagesize(), 64 << 10} { // pages of other machines are of more bytes
		s := open(t, 1<<20)
		s.page = page
		memoryIsZeroAlignedAndUsedAgain(t, s)
		if s.size%int64(page) != 0 {
			t.Errorf("the file has %d bytes: the next piece of it cannot be mapped", s.size)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func memoryIsZeroAlignedAndUsedAgain(t *testing.T, s *Space) {
	t.Helper()
	var last []byte
	for _, n := range []int{1, 48, 64, 4095, 4096, 4097, 32 << 10, 64 << 10, 2 << 20, regionBytes + 1, 64<<10 + 1, regionBytes + 1} {
		b, err := s.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		at := uintptr(unsafe.Pointer(&b[0]))
		if len(b) < n || at%word != 0 || n >= s.page && at%uintptr(s.page) != 0 {
			t.Errorf("%d bytes: %d at %#x", n, len(b), at)
		}
		for i := range b {
			if b[i] != 0 {
				t.Fatalf("%d bytes: not all are zero", n)
			}
			b[i] = 0xff
		}
		last = b
	}
	s.Free(last)
	again, err := s.Alloc(len(last))
	if err != nil || &again[0] != &last[0] || again[0] != 0 || again[len(again)-1] != 0 {
		t.Errorf("what was given back is not used again, or not zero: %v", err)
	}
}

// What is let go of is there when it is asked for, and bounded meanwhile.
func TestTrimBoundsWhatIsHeldAndLosesNothing(t *testing.T) {
	const limit, pieces = 4 << 20, 64
	s := open(t, limit)
	defer s.Close()
	all := make([][]byte, pieces)
	for n := range all {
		b, err := s.Alloc(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(b); i += s.page {
			b[i] = byte(n + i/s.page)
		}
		all[n] = b
		s.Trim()
	}
	for n, b := range all {
		for i := 0; i < len(b); i += s.page {
			if b[i] != byte(n+i/s.page) {
				t.Fatalf("piece %d at %d: %d", n, i, b[i])
			}
		}
		s.Trim()
	}
	if peak := s.Peak(); peak > 4*limit || s.Size() < pieces<<20 {
		t.Errorf("%d bytes of %d were held, with a limit of %d", peak, s.Size(), limit)
	}
}

// A page that cannot be read, as behind the end of the file, is an error.
func TestGuardTurnsAFaultIntoAnError(t *testing.T) {
	s := open(t, 1<<20)
	defer s.Close()
	b, err := s.Alloc(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.file.Truncate(0); err != nil {
		t.Fatal(err)
	}
	sum := byte(0)
	err = Guard(func() error {
		sum += b[len(b)-1]
		return nil
	})
	if !errors.Is(err, ErrFault) {
		t.Errorf("read %d, %v", sum, err)
	}
	want := errors.New("its own")
	if err := Guard(func() error { return want }); !errors.Is(err, want) {
		t.Error(err)
	}
}

func TestFileLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Open(dir+"/none", 1); !errors.Is(err, syscall.ENOENT) {
		t.Error(err)
	}
}
