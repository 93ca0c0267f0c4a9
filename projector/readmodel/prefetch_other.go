//go:build !amd64 && !arm64

package readmodel

// prefetch does nothing on processors for which nobody has written it.
func prefetch(addresses *uintptr, count int) {}
