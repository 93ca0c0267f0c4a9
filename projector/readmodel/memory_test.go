package readmodel

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// memory is a checkpoint in plain memory, in which tests can change any byte,
// with its files in a directory.
type memory struct {
	dir     string
	full    bool // the disk
	version uint64
	state   []byte
	values  map[string]memoryValue
}

type memoryValue struct {
	value   []byte
	version uint64
}

// newMemory returns a checkpoint without a version.
func newMemory(dir string) *memory { return &memory{dir: dir} }

// CreateFile makes a file.
func (c *memory) CreateFile(name string) (io.WriteCloser, error) {
	if c.dir == "" {
		return nil, errors.New("this checkpoint has no directory for files")
	}
	if c.full {
		return os.OpenFile("/dev/full", os.O_WRONLY, 0)
	}
	return os.Create(filepath.Join(c.dir, name))
}

// RemoveFile removes a file.
func (c *memory) RemoveFile(name string) error { return os.Remove(filepath.Join(c.dir, name)) }

// OpenFile opens a file; none is a checkpoint that does not hold together.
func (c *memory) OpenFile(name string) (*os.File, error) {
	f, err := os.Open(filepath.Join(c.dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrState
	}
	return f, err
}

// freeze makes an image as the fold does, and calls beside where the fold may go
// on: while whole stripes are written, and after the freeze.
func (c *memory) freeze(m *Model, version uint64, beside func()) *Image {
	i := m.Plan(version)
	beside()
	must(i.Prepare(c, func(encode func()) error {
		beside()
		encode()
		beside()
		return nil
	}))
	m.Freeze(version)
	beside()
	return i
}

// save makes an image and keeps it.
func (c *memory) save(m *Model) *memory {
	next := c.with(c.freeze(m, c.version+1, func() {}))
	m.Kept(next)
	return next
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// with returns the checkpoint after an image. Files that it does not need go.
func (c *memory) with(i *Image) *memory {
	if c == nil {
		c = newMemory("") // for a model without videos and users
	}
	must(i.Write(c))
	if c.dir == "" {
		return c.put(i)
	}
	entries, err := os.ReadDir(c.dir)
	must(err)
	for _, e := range entries {
		if !i.Needs(e.Name()) {
			must(os.Remove(filepath.Join(c.dir, e.Name())))
		}
	}
	return c.put(i)
}

// put returns the checkpoint with the keys of an image.
func (c *memory) put(i *Image) *memory {
	next := &memory{dir: c.dir, version: i.Version, state: bytes.Clone(i.State), values: map[string]memoryValue{}}
	maps.Copy(next.values, c.values)
	for key, value := range i.Writes() {
		if value == nil {
			delete(next.values, string(key))
		} else {
			next.values[string(key)] = memoryValue{bytes.Clone(value), i.Version}
		}
	}
	return next
}

func (c *memory) keys(prefix []byte) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(c.values)), func(k string) bool { return !strings.HasPrefix(k, string(prefix)) })
}

// Get returns the value of a key.
func (c *memory) Get(key []byte) ([]byte, error) {
	return bytes.Clone(c.values[string(key)].value), nil
}

// Scan calls fn for the keys with the prefix.
func (c *memory) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	for _, k := range c.keys(prefix) {
		if k >= string(from) && !fn([]byte(k), c.values[k].value) {
			break
		}
	}
	return nil
}

// Acquire and Release have nothing to hold.
func (c *memory) Acquire() bool { return true }

// Release has nothing to let go of.
func (c *memory) Release() {}
