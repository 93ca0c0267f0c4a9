package replay

import (
	"errors"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
)

// ErrMemory is returned for a fold beside the serving model that memory does not
// suffice for.
var ErrMemory = errors.New("memory does not suffice for a second read model")

// shadowBase is what a shadow takes beside its tables: the buffers and caches of
// its store, what is read ahead, and what has changed since its last checkpoint.
const shadowBase = 256 << 20

// checkMemory refuses a second model where it could take more than there is. It
// will hold what the serving one does, of which all that lives on the heap is
// more than enough.
func (r *Runs) checkMemory() error {
	need := uint64(shadowBase) + readMetric("/gc/heap/live:bytes")
	if free, whose := r.cfg.FreeMemory(); free < need {
		return fmt.Errorf("%w: it may take %d MiB, and %s leaves %d MiB: give the service more, or run this where there is more",
			ErrMemory, need>>20, whose, free>>20)
	}
	return nil
}

// usedMemory is what the process holds of memory, as far as Go knows of it.
func usedMemory() uint64 {
	return readMetric("/memory/classes/total:bytes") - readMetric("/memory/classes/heap/released:bytes")
}

func readMetric(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// freeMemory is the least that the machine, the process's control groups and
// GOMEMLIMIT leave, and which of them.
func freeMemory() (free uint64, whose string) {
	free, whose = machineMemory()
	limit, used := uint64(debug.SetMemoryLimit(-1)), usedMemory()
	if left := limit - min(used, limit); left < free {
		free, whose = left, "GOMEMLIMIT"
	}
	return free, whose
}
