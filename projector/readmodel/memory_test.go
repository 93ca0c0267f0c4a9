package readmodel

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// memory is a checkpoint in plain memory, in which tests can change any byte.
type memory struct {
	version uint64
	state   []byte
	values  map[string]memoryValue
}

type memoryValue struct {
	value   []byte
	version uint64
}

// with returns the checkpoint after an image.
func (c *memory) with(i *Image) *memory {
	next := &memory{version: i.Version, state: bytes.Clone(i.State), values: map[string]memoryValue{}}
	if c != nil {
		maps.Copy(next.values, c.values)
	}
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

// Versions calls fn for the keys with the prefix and their versions.
func (c *memory) Versions(prefix []byte, fn func(key []byte, version uint64) bool) error {
	for _, k := range c.keys(prefix) {
		if !fn([]byte(k), c.values[k].version) {
			break
		}
	}
	return nil
}

// Acquire and Release have nothing to hold.
func (c *memory) Acquire() bool { return true }

// Release has nothing to let go of.
func (c *memory) Release() {}
