package api

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

const (
	// tokenCacheSlots bounds how many verified tokens are remembered. A page
	// polls every few seconds, so a slot is hit again long before it is
	// overwritten; checking an ES256 signature costs some 60 µs, a hit 100 ns.
	tokenCacheSlots = 4096
	// maxCachedTokenBytes keeps the cache under 8 MiB whatever tokens come.
	maxCachedTokenBytes = 2 << 10
)

// tokenCache remembers tokens whose signature and claims were found good. It
// holds one token a slot; a newer one takes the place. Times are not part of
// the verdict: they are checked on every request.
type tokenCache struct {
	seed  maphash.Seed
	slots [tokenCacheSlots]atomic.Pointer[cachedToken]
}

type cachedToken struct {
	hash    uint64
	version uint64 // KeySource.Version when the token was verified
	token   string
	claims  claims
}

func (c *tokenCache) init() { c.seed = maphash.MakeSeed() }

// get compares the whole keyed hash before the token itself, so the time it
// takes tells nobody how much of a guessed token was right.
func (c *tokenCache) get(token string, version uint64) (claims, bool) {
	hash := maphash.String(c.seed, token)
	entry := c.slots[hash%tokenCacheSlots].Load()
	if entry == nil || entry.hash != hash || entry.version != version || entry.token != token {
		return claims{}, false
	}
	return entry.claims, true
}

func (c *tokenCache) put(token string, version uint64, verified claims) {
	if len(token) > maxCachedTokenBytes {
		return
	}
	hash := maphash.String(c.seed, token)
	// The token is a part of the request's header memory; a copy keeps only itself alive.
	entry := &cachedToken{hash: hash, version: version, token: strings.Clone(token), claims: verified}
	c.slots[hash%tokenCacheSlots].Store(entry)
}
