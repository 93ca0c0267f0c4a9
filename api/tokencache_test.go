package api

import (
	"hash/maphash"
	"strconv"
	"testing"

	"github.com/tidemark-io/tidemark/events"
)

func numbered(i int) claims {
	return claims{caller: Caller{ID: events.UserID{byte(i >> 8), byte(i)}, Known: true}}
}

// sameSet returns tokens that share a set of the cache.
func sameSet(c *tokenCache, count int) []string {
	var list []string
	for i := 0; len(list) < count; i++ {
		token := "token " + strconv.Itoa(i)
		if maphash.String(c.seed, token)%tokenCacheSets == 0 {
			list = append(list, token)
		}
	}
	return list
}

func TestTokensThatShareASetAreKept(t *testing.T) {
	c := new(tokenCache)
	c.init()
	tokens := sameSet(c, tokenCacheWays+1)
	for i, token := range tokens[:tokenCacheWays] {
		c.put(token, 1, numbered(i))
	}
	for i, token := range tokens[:tokenCacheWays] {
		if got, hit := c.get(token, 1); !hit || got != numbered(i) {
			t.Errorf("%q: %+v, %t", token, got, hit)
		}
	}
	c.put(tokens[tokenCacheWays], 1, numbered(tokenCacheWays))
	kept := 0
	for i, token := range tokens {
		got, hit := c.get(token, 1)
		if hit {
			kept++
		}
		if hit && got != numbered(i) {
			t.Errorf("%q has the claims of another: %+v", token, got)
		}
	}
	if _, hit := c.get(tokens[tokenCacheWays], 1); kept != tokenCacheWays || !hit {
		t.Errorf("%d tokens are kept, the newest: %t", kept, hit)
	}
}

func TestTokensOfOtherKeysAreForgotten(t *testing.T) {
	c := new(tokenCache)
	c.init()
	tokens := sameSet(c, 2)
	c.put(tokens[0], 1, numbered(1))
	if _, hit := c.get(tokens[0], 2); hit {
		t.Error("a token verified under other keys is taken")
	}
	c.put(tokens[0], 2, numbered(2))
	if got, hit := c.get(tokens[0], 2); !hit || got != numbered(2) {
		t.Errorf("verified again: %+v, %t", got, hit)
	}
	c.put(tokens[1], 2, numbered(3))
	taken := 0
	for i := range c.sets[0] {
		if c.sets[0][i].Load() != nil {
			taken++
		}
	}
	if taken != 2 {
		t.Errorf("two tokens take %d places", taken)
	}
	c.put(string(make([]byte, maxCachedTokenBytes+1)), 2, numbered(4))
	if _, hit := c.get(string(make([]byte, maxCachedTokenBytes+1)), 2); hit {
		t.Error("a token without a bound is kept")
	}
}
