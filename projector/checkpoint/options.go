package checkpoint

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Options sizes a store. The zero value is good.
type Options struct {
	// Existing is for a directory that must be there: where it is gone, Open fails with
	// fs.ErrNotExist and makes none.
	Existing bool
	// Logger receives Badger's warnings and errors, and the rest at debug level.
	// Nil discards them.
	Logger *slog.Logger
	// MemTableBytes is the size of one memtable, of which there are three at
	// most. Default 16 MiB; at least 1 MiB. Badger's memory is mostly a multiple of
	// it: it keeps up to eight buffers in which tables were built, each some four
	// times as large.
	MemTableBytes int64
	// ValueThreshold is the size in bytes from which a value goes to the value
	// log, at least 32 KiB. Default and greatest: 1 MiB, or half a transaction
	// (7.5 % of MemTableBytes) if that is less. Values in the tree are checked at Open,
	// need no garbage collection and leave nothing behind when deleted, so the
	// value log is for what does not fit otherwise.
	ValueThreshold int64
}

// MemTableBytes is the size of a memtable where nobody sets it.
const MemTableBytes = 16 << 20

const (
	minMemTableBytes  = 1 << 20
	baseTableBytes    = 2 << 20 // Badger's own default
	maxValueThreshold = 1 << 20 // Badger's own limit
	cacheBytes        = 16 << 20
	valueLogFileBytes = 64 << 20
	memTables         = 3
)

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = MemTableBytes
	}
	o.MemTableBytes = max(o.MemTableBytes, minMemTableBytes)
	// Badger allows 15 % of the memtable in one transaction. At half of that,
	// any value below the threshold fits into one with room to spare.
	limit := min(maxValueThreshold, o.MemTableBytes*15/200)
	if o.ValueThreshold <= 0 {
		o.ValueThreshold = limit
	}
	// The least leaves room for a marker, which must not go to the value log.
	o.ValueThreshold = min(max(o.ValueThreshold, 2*MaxMarkerBytes), limit)
	return o
}

// badger returns the settings of a small store. Its memtables take 48 MB in all
// where the defaults would take 576.
func (o Options) badger(dir string) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(badgerLogger{o.Logger}).
		WithMemTableSize(o.MemTableBytes).
		WithBaseTableSize(min(baseTableBytes, o.MemTableBytes)).
		WithNumMemtables(memTables).
		WithBlockCacheSize(cacheBytes).
		WithIndexCacheSize(cacheBytes).
		WithValueLogFileSize(valueLogFileBytes).
		WithValueThreshold(o.ValueThreshold).
		WithNumCompactors(2).
		WithDetectConflicts(false).
		WithCompression(options.None).
		WithMetricsEnabled(false).
		WithSyncWrites(false).
		// Open has verified every block. Verifying again on each read would
		// make Badger treat a bad block as absent; without it the checksum of
		// the value turns it into an error.
		WithChecksumVerificationMode(options.NoVerification).
		// A damaged header would make Badger slice out of bounds.
		WithVerifyValueChecksum(true).
		// Open holds the same lock for longer than Badger would.
		WithBypassLockGuard(true)
}

// badgerLogger hands Badger's lines to slog. Its reports of normal work are
// debug lines here.
type badgerLogger struct{ log *slog.Logger }

func (l badgerLogger) Errorf(format string, args ...any) { l.log.Error(line(format, args)) }

func (l badgerLogger) Warningf(format string, args ...any) { l.log.Warn(line(format, args)) }

func (l badgerLogger) Infof(format string, args ...any) { l.log.Debug(line(format, args)) }

func (l badgerLogger) Debugf(string, ...any) {}

func line(format string, args []any) string {
	return "badger: " + strings.TrimSpace(fmt.Sprintf(format, args...))
}
