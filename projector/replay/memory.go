package replay

import (
	"errors"
	"fmt"
	"runtime/debug"
	"runtime/metrics"

	"github.com/tidemark-io/tidemark/projector"
)

// ErrMemory is returned for a fold that memory does not suffice for.
var ErrMemory = errors.New("memory does not suffice")

// shadowBase is what a shadow takes beside its tables: the buffers and caches of
// its store, what is read ahead, and what has changed since its last checkpoint.
const shadowBase = 256 << 20

// OnDiskBytes is what a fold on disk is given where there is as much: with less it
// waits for the disk more often.
const OnDiskBytes = 256 << 20

// checkMemory refuses a second model where it could take more than there is. It
// will hold what the serving one does, of which all that lives on the heap is
// more than enough.
func (r *Runs) checkMemory() error { return r.room(1, insteadOfBeside) }

// insteadOfBeside is what to do where a model beside the serving one does not fit.
const insteadOfBeside = "fold it on disk (--on-disk), give the service more, or run this where there is more"

// room refuses so many models of the serving one's size.
func (r *Runs) room(models int, instead string) error {
	return checkRoom(models, shadowBase+readMetric("/gc/heap/live:bytes"), r.cfg.FreeMemory, instead)
}

// Room refuses looks that fold everything where so many models, each of which takes so
// many bytes, are more than the machine, the process's control groups or GOMEMLIMIT
// leave. It is an Options.Room for who has no serving model to go by.
func Room(each uint64) func(models int, instead string) error {
	return func(models int, instead string) error { return checkRoom(models, lookBase+each, freeMemory, instead) }
}

// lookBase is what a fold that only looks takes beside its tables.
const lookBase = 64 << 20

func checkRoom(models int, each uint64, left func() (uint64, string), instead string) error {
	need := uint64(models) * each
	free, whose := left()
	if free >= need {
		return nil
	}
	what := "a read model that is folded for it"
	if models > 1 {
		what = fmt.Sprintf("%d read models that are folded for it", models)
	}
	return fmt.Errorf("%w for %s: it may take %d MiB, and %s leaves %d MiB: %s", ErrMemory, what, need>>20, whose, free>>20, instead)
}

// memoryFor returns how much memory each of so many models may take that are folded
// on disk, and 0 for those that are not. It fails with ErrMemory.
func (r *Runs) memoryFor(onDisk bool, models int, instead string) (bytes int, err error) {
	if !onDisk {
		return 0, r.room(models, instead)
	}
	if r.cfg.OnDiskBytes > 0 {
		return r.cfg.OnDiskBytes, nil
	}
	free, whose := r.cfg.FreeMemory()
	if free < projector.MinOnDisk {
		return 0, fmt.Errorf("%w: on disk too it takes %d MiB, and %s leaves %d MiB", ErrMemory, projector.MinOnDisk>>20, whose, free>>20)
	}
	return max(int(min(free/uint64(models), OnDiskBytes)), projector.MinOnDisk), nil
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
