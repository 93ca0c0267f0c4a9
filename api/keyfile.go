package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// keyFilePoll is how often a key file is looked at: a key is published long
// before tokens are signed with it, and one that leaked must go soon.
const keyFilePoll = time.Second

// KeyFile is the KeySource of a JWKS file, which is read again when it changes,
// so that keys rotate without a restart. As soon as a key is in the file its
// tokens are good, and as soon as it is not, they are refused: also where the set
// has no key any more, which Fault tells. A file that is gone, or holds no key
// set or one with a bad key, changes nothing: the keys before stay good, and
// Fault tells. What is no file but a pipe can be read once, and is.
type KeyFile struct {
	path    string
	logger  *slog.Logger
	keys    atomic.Pointer[keySet]
	fault   atomic.Pointer[string] // what is wrong with the file now, nil if nothing
	regular bool
	// content is what the keys were read from. It is for one goroutine.
	content []byte
}

// NewKeyFile reads the file. It fails where there is no good key set in it.
func NewKeyFile(path string, logger *slog.Logger) (*KeyFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read JWKS file: %w", err)
	}
	f := &KeyFile{path: path, logger: logger, regular: info.Mode().IsRegular()}
	f.keys.Store(&keySet{})
	return f, f.read()
}

// Run looks at the file again and again until the context ends.
func (f *KeyFile) Run(ctx context.Context) error {
	if !f.regular {
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(keyFilePoll)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f.look()
		case <-ctx.Done():
			return nil
		}
	}
}

// look reads the file again, and tells once of each thing that is wrong with it.
func (f *KeyFile) look() {
	before, err := f.fault.Load(), f.read()
	if err == nil {
		f.fault.Store(nil)
		if before != nil {
			f.logger.Info("the JWKS file can be used again", "keys", len(f.keys.Load().keys))
		}
		return
	}
	if why := err.Error(); before == nil || *before != why {
		f.fault.Store(&why)
		message := "the JWKS file cannot be used: the keys that were read before stay good, and others are not known"
		if errors.Is(err, errNoKeys) {
			message = "the JWKS file has no keys any more: every token is refused until it has"
		}
		f.logger.Error(message, "error", err)
	}
}

// read takes the keys of the file if it is not the one that was read before.
func (f *KeyFile) read() error {
	content, err := os.ReadFile(f.path)
	if err != nil {
		return fmt.Errorf("read JWKS file: %w", err)
	}
	before := f.keys.Load()
	if bytes.Equal(content, f.content) && f.content != nil {
		if len(before.keys) == 0 {
			return f.unusable(errNoKeys)
		}
		return nil
	}
	keys, err := parseJWKS(content)
	if withdrawn := errors.Is(err, errNoKeys) && before.version > 0; err != nil && !withdrawn {
		return f.unusable(err)
	}
	keys.version = before.version + 1
	f.content = content
	f.keys.Store(keys)
	if err != nil {
		return f.unusable(err)
	}
	if before.version > 0 {
		f.logger.Info("the keys of the JWKS file have changed", "keys", len(keys.keys))
	}
	return nil
}

func (f *KeyFile) unusable(err error) error {
	return fmt.Errorf("read JWKS file %s: %w", f.path, err)
}

// Fault reports whether the file, as it was last seen, could not be used.
func (f *KeyFile) Fault() bool { return f.fault.Load() != nil }

// Key returns the key with that ID.
func (f *KeyFile) Key(_ context.Context, id string, named bool) (Key, error) {
	return f.keys.Load().find(id, named)
}

// Version counts the key sets that the file has had.
func (f *KeyFile) Version() uint64 { return f.keys.Load().version }
