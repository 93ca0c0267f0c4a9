package replay

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Config is what runs need.
type Config struct {
	// Projector serves the model that runs compare with, mend and replace.
	Projector *projector.Projector
	// Source holds the log from its beginning. Log, where set, is the log alone, where
	// Source reads from elsewhere what that has forgotten.
	Source, Log Source
	// Snapshots and Index, where set, shorten the way of who looks back.
	Snapshots *Snapshots
	Index     Index
	// Exports, where set, is the directory that runs may read exports in.
	Exports string
	// Archive, where set, is a copy of the log that verifications may be asked for.
	Archive Archive
	// Audit writes down who asked for what, before that is done, and what came of it;
	// nil writes nothing. It returns where the entry lies in the log.
	Audit func(ctx context.Context, a Action) (events.Position, error)
	// Memory is what runs reserve theirs from; nil takes what the machine has.
	Memory *Memory
	// File, where set, is where runs, and the keys of the requests that began them, are
	// remembered across restarts.
	File string
	// ScrubInterval is how often the serving model is verified at a low rate in the
	// background; 0 is never.
	ScrubInterval time.Duration
	// RetryPause is how long it takes until a rebuild that a start calls for, and that
	// could not be started, is tried again; 0 is retryPause.
	RetryPause time.Duration
	Logger     *slog.Logger
	Now        func() time.Time
}

// retryPause is short beside a rebuild, and long beside what it takes to try one.
const retryPause = 10 * time.Second

func (c Config) withDefaults() Config {
	if c.Audit == nil {
		c.Audit = func(context.Context, Action) (at events.Position, err error) { return at, nil }
	}
	if c.Memory == nil {
		c.Memory = NewMemory(MemoryConfig{Serving: c.Projector.Model})
	}
	if c.RetryPause == 0 {
		c.RetryPause = retryPause
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// RebuildOptions say how to rebuild. The zero value reads the log at full speed
// and switches if the digests are equal.
type RebuildOptions struct {
	Order
	// EventsPerSecond bounds the rate; 0 does not.
	EventsPerSecond int `json:"events_per_second,omitempty"`
	// Accept switches although the rebuilt model differs from the serving one.
	Accept bool `json:"accept,omitempty"`
	// Hold rebuilds and compares, and leaves the switch to StartSwitch.
	Hold bool `json:"hold,omitempty"`
	// Fresh begins anew where a rebuild was begun before and did not get to its end.
	Fresh bool `json:"fresh,omitempty"`
	// FromSnapshot begins with the nearest snapshot, and not with the log. That is
	// done in any case where the log does not hold its beginning.
	FromSnapshot bool `json:"from_snapshot,omitempty"`
	// FromExports are read before the log, in place of what that does not hold: names
	// beneath Config.Exports. A rebuild that is gone on with reads those that it began
	// with, unless others are given.
	FromExports []string `json:"from_export,omitempty"`
	// OnDisk folds on disk, with little memory. What serves is replaced at the next
	// start, and not before.
	OnDisk bool `json:"on_disk,omitempty"`
}

// SwitchOptions say how to switch to a rebuilt model that was held back.
type SwitchOptions struct {
	Order
	Accept bool `json:"accept,omitempty"`
	// OnDisk: see RebuildOptions.
	OnDisk bool `json:"on_disk,omitempty"`
}

// RollbackOptions say how to go back.
type RollbackOptions struct {
	Order
	// OnDisk: see RebuildOptions. It is done in any case where memory does not
	// suffice.
	OnDisk bool `json:"on_disk,omitempty"`
}

// DiscardOptions are who gives up a rebuilt model, and why.
type DiscardOptions struct {
	Order
	// Previous gives up the model that served before the present one in its place.
	Previous bool
}

// DiscardResult is what a discard removed.
type DiscardResult struct {
	// Model is the directory of the model.
	Model string `json:"model"`
	// Previous: it served before the present one, to which there is no way back now.
	Previous bool `json:"previous,omitempty"`
	// Needed is who needs most of the log now, of those that are left.
	Needed projector.Need `json:"needed"`
}

// VerifyOptions say how to verify.
type VerifyOptions struct {
	Order
	// EventsPerSecond bounds the rate; 0 does not.
	EventsPerSecond int `json:"events_per_second,omitempty"`
	// FromSnapshot, FromExports and OnDisk: see RebuildOptions.
	FromSnapshot bool     `json:"from_snapshot,omitempty"`
	FromExports  []string `json:"from_export,omitempty"`
	// Archive compares the archive with the log as well, row by row, and folds its
	// messages from the first in place of the log's. It fails with ErrNoArchive.
	Archive bool `json:"archive,omitempty"`
	// ArchiveWait is how long it is waited for to have what is folded when the run
	// begins; the run fails where it has not. 0 is 30 seconds.
	ArchiveWait time.Duration `json:"-"`
	OnDisk      bool          `json:"on_disk,omitempty"`
}

// RepairOptions say how to repair: it verifies first.
type RepairOptions struct{ VerifyOptions }

// RebuildResult is what a rebuild, a switch or a rollback came to.
type RebuildResult struct {
	// Model is the directory of the model folded, Replaced that of the one that
	// served until then.
	Model    string `json:"model"`
	Replaced string `json:"replaced,omitempty"`
	// Base is what the fold began with; nil for a model that was there already.
	Base *Base `json:"base,omitempty"`
	// Switched: the model serves now.
	Switched bool `json:"switched"`
	// NextStart: the model serves from the next start on.
	NextStart bool `json:"next_start,omitempty"`
	// OnDiskBecause says why it was folded on disk where nobody asked for that.
	OnDiskBecause string `json:"on_disk_because,omitempty"`
	// Events were folded, in Seconds.
	Events  int64   `json:"events"`
	Seconds float64 `json:"seconds"`
	// At is where the two were compared, and Equal whether they had one digest.
	At          events.Position  `json:"-"`
	Equal       bool             `json:"equal"`
	Digest      readmodel.Digest `json:"-"`
	LiveDigest  readmodel.Digest `json:"-"`
	Differences *Differences     `json:"differences,omitempty"`
	// PauseSeconds is how long the fold stood still for the switch.
	PauseSeconds float64 `json:"pause_seconds,omitempty"`
	// PeakBytes is the most memory that the process had in use meanwhile.
	PeakBytes  uint64 `json:"peak_bytes,omitempty"`
	Generation uint32 `json:"generation,omitempty"`
}

// VerifyResult is what a verification found.
type VerifyResult struct {
	// First and Last are the messages folded; From and At the positions between
	// which buckets were compared.
	First uint64 `json:"first_sequence"`
	// Base is what stands for the messages before First.
	Base        *Base           `json:"base,omitempty"`
	Last        uint64          `json:"last_sequence"`
	From        events.Position `json:"-"`
	At          events.Position `json:"-"`
	Events      int64           `json:"events"`
	Seconds     float64         `json:"seconds"`
	Buckets     int             `json:"buckets"`
	Differences Differences     `json:"differences"`
	// Archive is what was found of the archive, where that was asked for.
	Archive *ArchiveResult `json:"archive,omitempty"`
}

// RepairResult is what a repair found and wrote anew.
type RepairResult struct {
	VerifyResult
	// Repaired is how many keys were written anew.
	Repaired int `json:"repaired"`
	// Targets are the videos, jobs and users concerned, as many as an entry of the audit
	// can name; MoreTargets says that there are more.
	Targets     [][16]byte `json:"-"`
	MoreTargets bool       `json:"-"`
	Generation  uint32     `json:"generation,omitempty"`
}

// Differences are the keys in which the serving model is not what the log says.
type Differences struct {
	// Count is how many there are; Keys names the first of them.
	Count int          `json:"count"`
	Keys  []Difference `json:"keys"`
}

// Difference is one key.
type Difference struct {
	// Kind is the table: video, like, user, identities, trending, or that of a
	// row (job, comment, …).
	Kind string `json:"kind"`
	// ID names the key in the table, for people.
	ID string `json:"id"`
	// Live is what the serving model has, Log what the log says; empty for nothing.
	Live string `json:"live"`
	Log  string `json:"log"`
}

// ErrDiffers is how a rebuild fails whose model differs from the serving one and
// was not accepted. Its result names the keys; StartSwitch can accept it.
var ErrDiffers = errors.New("the rebuilt model differs from the serving one: look at the differences, then accept it (tidemark replay rebuild --switch --accept), or give it up (tidemark replay rebuild --discard)")
