//go:build !linux

package readmodel

// preferHugePages does nothing where the kernel takes no such hint.
func preferHugePages[T any]([]T) {}
