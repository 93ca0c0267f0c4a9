//go:build !linux

package readmodel

import "unsafe"

// preferHugePages does nothing where the kernel takes no such hint.
func preferHugePages(unsafe.Pointer, uintptr) {}

// renew does nothing where pages are of one size.
func renew(unsafe.Pointer, uintptr) {}
