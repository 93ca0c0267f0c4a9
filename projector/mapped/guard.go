package mapped

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// ErrFault is returned where memory in a file could not be read or written: the
// disk is at fault.
var ErrFault = errors.New("memory in a file could not be reached: the disk is at fault")

// Guard is the function Guard, for who has only the space.
func (*Space) Guard(fn func() error) error { return Guard(fn) }

// Guard runs fn, which touches memory in files, on the goroutine that calls it. A fault of the disk, which would
// end the process, ends fn instead: with ErrFault, or by a panic where fn recovers
// those itself.
func Guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		if err = FaultOf(fault); err == nil {
			panic(fault)
		}
	}()
	return fn()
}

// FaultOf returns what was recovered as ErrFault if it is a fault of the disk, which
// ended what ran within Guard; else nil.
func FaultOf(recovered any) error {
	at, ok := recovered.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrFault, at)
}
