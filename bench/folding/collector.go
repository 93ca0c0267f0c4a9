package folding

import (
	"fmt"
	"runtime/debug"
	"strconv"
)

// Collector gives this process the collector setting of the servers (GOGC, in
// percent), until the returned function gives the former one back: what is
// measured in process is then comparable with what runs in one of its own.
func Collector(gogc string) (restore func(), err error) {
	percent, err := strconv.Atoi(gogc)
	if err != nil {
		return nil, fmt.Errorf("set GOGC to %q: %w", gogc, err)
	}
	before := debug.SetGCPercent(percent)
	return func() { debug.SetGCPercent(before) }, nil
}
