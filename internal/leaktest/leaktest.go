// Package leaktest fails the tests of a package that leave goroutines behind.
package leaktest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long goroutines may take to end whose owner has let go of them: two
// busy cores are slow, and a goroutine that leaks never ends.
const patience = time.Minute

// Main runs the tests of a package, then ends, where it is given, what they share, and
// exits: with a failure where goroutines are left.
func Main(m *testing.M, end func()) {
	code := m.Run()
	if end != nil {
		end()
	}
	if code == 0 {
		if err := none(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left behind:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// none waits until no goroutines are left.
func none() error {
	for limit := time.Now().Add(patience); ; {
		err := goleak.Find() // which waits for less than half a second
		if err == nil || time.Now().After(limit) {
			return err
		}
	}
}
