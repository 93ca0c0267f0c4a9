package mapped

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"
)

// ErrUnsupported is returned where the system offers no such memory.
var ErrUnsupported = errors.New("memory in files is not supported on this system")

const (
	// regionBytes is how much the file grows at a time, at least.
	regionBytes = 16 << 20
	// word is how small pieces are aligned: to two words. Others are to a page, so that
	// what is let go of by pages is whole.
	word = 16
)

// Space is memory in one file. Its methods may be called by many at once, save
// Close.
type Space struct {
	file *os.File
	held heldFiles
	page int // bytes; what the kernel maps begins and ends at one
	// limit is how many bytes the process may hold in memory, others the bytes
	// that it holds of other files.
	limit, others int

	mu      sync.Mutex
	regions [][]byte
	size    int64  // of the file
	rest    []byte // of the last region
	// freed holds pieces that were given back, by their size.
	freed map[int][][]byte
	peak  int
}

// Open makes a space in a file in that directory, of which the process holds
// about limit bytes in memory at the most.
func Open(dir string, limit int) (*Space, error) {
	file, err := os.CreateTemp(dir, "tables-")
	if err != nil {
		return nil, fmt.Errorf("create a file for tables: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("create a file for tables: %w", err), file.Close())
	}
	s := &Space{file: file, held: openHeld(), page: os.Getpagesize(), limit: limit, freed: map[int][][]byte{}}
	s.others = s.held.bytes()
	return s, nil
}

// Alloc returns that many bytes, all zero. It fails where the disk is full: what
// was given out has its place on the disk.
func (s *Space) Alloc(bytes int) ([]byte, error) {
	bytes = s.rounded(bytes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if free := s.freed[bytes]; len(free) > 0 {
		b := free[len(free)-1]
		s.freed[bytes] = free[:len(free)-1]
		clear(b)
		return b, nil
	}
	align := word
	if bytes >= s.page {
		align = s.page
	}
	if skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(s.rest)))) & (align - 1); skip+bytes <= len(s.rest) {
		s.rest = s.rest[skip:]
	} else if err := s.grow(max(bytes, regionBytes)); err != nil {
		return nil, fmt.Errorf("give the file for tables %d bytes more: %w", bytes, err)
	}
	b := s.rest[:bytes:bytes]
	s.rest = s.rest[bytes:]
	return b, nil
}

func (s *Space) rounded(bytes int) int {
	if bytes >= s.page {
		return (bytes + s.page - 1) &^ (s.page - 1)
	}
	return (bytes + word - 1) &^ (word - 1)
}

// grow adds a region. What is left of the one before is too small for most.
func (s *Space) grow(bytes int) error {
	b, err := mapMore(s.file, s.size, bytes)
	if err != nil {
		return err
	}
	s.regions, s.rest, s.size = append(s.regions, b), b, s.size+int64(bytes)
	return nil
}

// Free takes back what Alloc gave out and nobody uses any more.
func (s *Space) Free(b []byte) {
	b = unsafe.Slice(unsafe.SliceData(b), s.rounded(len(b)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.freed[len(b)] = append(s.freed[len(b)], b)
}

// Trim lets go of what is held in memory if that is more than the limit. It stays
// in the file, or in memory that the kernel takes back when somebody needs it.
func (s *Space) Trim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.look() <= s.limit {
		return
	}
	for _, b := range s.regions {
		letGo(b)
	}
	s.others = s.held.bytes()
}

// look is about how much of the space the process holds. What it has of other
// files is taken for the same as at the last look.
func (s *Space) look() int {
	now := s.held.bytes()
	s.others = min(s.others, now)
	s.peak = max(s.peak, now-s.others)
	return now - s.others
}

// Peak is about the most that the process has held in memory.
func (s *Space) Peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
	return s.peak
}

// Size is how much the file holds.
func (s *Space) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// Close gives up the file. Nothing that was given out may be touched any more.
func (s *Space) Close() error {
	var err error
	for _, b := range s.regions {
		err = errors.Join(err, unmap(b))
	}
	s.regions, s.rest, s.freed = nil, nil, nil
	return errors.Join(err, s.held.close(), s.file.Close())
}
