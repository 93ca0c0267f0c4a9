//go:build amd64 || arm64

package readmodel

// prefetch begins to load the cache lines of some addresses. In contrast to a
// load it does not keep what comes after it from retiring, so that as many lines
// are under way as the processor can ask for, and hashing and probing go on
// meanwhile. It changes nothing that can be seen, whatever the addresses are.
//
//go:noescape
func prefetch(addresses *uintptr, count int)
