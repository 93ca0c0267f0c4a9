package readmodel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// loadChecked loads a checkpoint, and has Check say the same of it.
func loadChecked(state []byte, src *memory) (*Model, error) {
	m, err := Load(testConfig(), state, src)
	if checked := Check(context.Background(), src, state); errors.Is(checked, ErrState) != errors.Is(err, ErrState) || checked == nil != (err == nil) {
		return nil, fmt.Errorf("loaded: %w; checked: %w", err, checked)
	}
	return m, err
}

// TestCheckReadsWhatALoadLeavesForLater: rows, and pages of identities that were sealed.
func TestCheckReadsWhatALoadLeavesForLater(t *testing.T) {
	m := tiny(New(testConfig()), 0, 1<<20)
	markMany(m, 1, 1000)
	for n := range 20 {
		m.Begin(uint64(2+n), testStart)
		m.CreateItem(Item{Video: testID('v', n), ID: testID('c', n)}, testID('u', n))
		m.Publish(0)
	}
	kept := newMemory(t.TempDir()).save(m)
	if err := Check(context.Background(), kept, kept.state); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range [][]byte{{spaceRows}, {spaceSeen, seenPages}} {
		keys := kept.keys(prefix)
		if len(keys) < 3 {
			t.Fatalf("%d keys of %q", len(keys), prefix)
		}
		for _, key := range keys {
			value := kept.values[key]
			flipped := slices.Clone(value.value)
			if n := len(flipped); n > 0 {
				flipped[n-1] ^= 4
			}
			for _, wrong := range [][]byte{nil, flipped, append(slices.Clone(value.value), 'x'), kept.values[keys[len(keys)-1]].value} {
				if wrong != nil && bytes.Equal(wrong, value.value) {
					continue
				}
				kept.values[key] = memoryValue{wrong, value.version}
				if wrong == nil {
					delete(kept.values, key)
				}
				if err := Check(context.Background(), kept, kept.state); !errors.Is(err, ErrState) {
					t.Errorf("%x in place of %x: %v", wrong, key, err)
				}
			}
			kept.values[key] = value
		}
	}
}
