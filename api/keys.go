package api

import (
	"context"
	"errors"
)

// Key verifies tokens of one algorithm. The algorithm belongs to the key: what
// a token's header says must agree with it and decides nothing.
type Key struct {
	// Algorithm is HS256, RS256, ES256 or EdDSA.
	Algorithm string
	// Verify is the key as golang-jwt takes it: []byte, *rsa.PublicKey,
	// *ecdsa.PublicKey or ed25519.PublicKey.
	Verify any
}

// KeySource holds the keys that tokens may be signed with. A source that
// fetches keys over the network fits behind it: it refreshes inside Key, and
// counts Version up when its keys change.
type KeySource interface {
	// Key returns the key with that ID. Where the token names none, named is
	// false, and the source's only key is meant. It fails with ErrNoKey, or
	// with ErrKeysUnavailable where no keys could be had at all.
	Key(ctx context.Context, id string, named bool) (Key, error)
	// Version changes with the keys: a token that was verified under another
	// version is verified again.
	Version() uint64
}

var (
	// ErrNoKey: the source has no such key; the token is refused.
	ErrNoKey = errors.New("no key fits the token")
	// ErrKeysUnavailable: the source cannot tell now; the request gets 503.
	ErrKeysUnavailable = errors.New("signing keys are not available")
)

// secretKeys is the KeySource of one shared secret. A secret has no ID, so a
// token that names a key means another one.
type secretKeys struct{ key Key }

func (s secretKeys) Key(_ context.Context, _ string, named bool) (Key, error) {
	if named {
		return Key{}, ErrNoKey
	}
	return s.key, nil
}

func (secretKeys) Version() uint64 { return 0 }

// keySet is a fixed set of public keys.
type keySet struct {
	keys    []namedKey
	version uint64 // counts the sets of one source
}

type namedKey struct {
	id  string // "" for a key without one
	key Key
}

func (s *keySet) find(id string, named bool) (Key, error) {
	if !named {
		if len(s.keys) == 1 {
			return s.keys[0].key, nil
		}
		return Key{}, ErrNoKey
	}
	for _, k := range s.keys {
		if k.id == id && id != "" {
			return k.key, nil
		}
	}
	return Key{}, ErrNoKey
}
