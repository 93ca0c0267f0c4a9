package api

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

const (
	// tokenCacheSets times tokenCacheWays bounds how many verified tokens are
	// remembered: those of more users than poll one node at a time. Checking an
	// ES256 signature costs some 60 µs and an HS256 one 30 µs, a hit 100 ns.
	tokenCacheSets = 4096
	// tokenCacheWays is how many tokens of one set there is room for. With one,
	// 256 users already meet in some eight places, where each throws the other
	// out at every request.
	tokenCacheWays = 4
	// maxCachedTokenBytes keeps the cache under 32 MiB whatever tokens come, and
	// only good ones get in; of tokens as issuers make them it takes some 6 MiB.
	maxCachedTokenBytes = 2 << 10
)

// tokenCache remembers tokens whose signature and claims were found good. A
// token is kept in the set that its hash names, in any of its places; where all
// are taken, a newer one throws another out. Times are not part of the verdict:
// they are checked on every request.
type tokenCache struct {
	seed maphash.Seed
	sets [tokenCacheSets][tokenCacheWays]atomic.Pointer[cachedToken]
	// victim is the place that is taken next where none is free.
	victim atomic.Uint32
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
	set := &c.sets[hash%tokenCacheSets]
	for i := range set {
		entry := set[i].Load()
		if entry != nil && entry.hash == hash && entry.version == version && entry.token == token {
			return entry.claims, true
		}
	}
	return claims{}, false
}

// put takes the place of the token itself, verified under other keys, or a free
// one, or another token's. Two that put at once may lose one of both, which is
// verified again then.
func (c *tokenCache) put(token string, version uint64, verified claims) {
	if len(token) > maxCachedTokenBytes {
		return
	}
	hash := maphash.String(c.seed, token)
	// The token is a part of the request's header memory; a copy keeps only itself alive.
	fresh := &cachedToken{hash: hash, version: version, token: strings.Clone(token), claims: verified}
	set := &c.sets[hash%tokenCacheSets]
	for i := range set {
		if entry := set[i].Load(); entry == nil || entry.hash == hash || entry.version != version {
			set[i].Store(fresh)
			return
		}
	}
	set[c.victim.Add(1)%tokenCacheWays].Store(fresh)
}
