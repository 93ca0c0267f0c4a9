package replay

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/tidemark-io/tidemark/projector"
)

// Archive is a copy of the log that is kept elsewhere, with what was made of it.
type Archive interface {
	// Source returns its messages.
	Source() Source
	// Await waits until it has a message, for so long at the most; its error says why
	// it has not.
	Await(ctx context.Context, seq uint64, limit time.Duration) error
	// Compare compares it with the log, row by row, by a fold of everything that it
	// begins and closes, and calls progress with each message; an error of that ends it.
	Compare(ctx context.Context, begin BeginFunc, progress func(seq uint64, events int) error) (*ArchiveResult, error)
}

// ErrNoArchive is returned for a verification of an archive where there is none.
var ErrNoArchive = errors.New("there is no archive to verify: serve was started without --postgres-url")

// ArchiveResult is what a comparison of the archive with the log found.
type ArchiveResult struct {
	// Last is the last message that was archived. Rows up to it were compared.
	Last uint64 `json:"last_sequence"`
	Rows int64  `json:"rows"`
	// Count is how many rows are not what they should be; Differences names the first.
	Count       int                 `json:"count"`
	Differences []ArchiveDifference `json:"differences"`
}

// ArchiveDifference is a row of the archive that is not what it should be.
type ArchiveDifference struct {
	Table string `json:"table"`
	// At is the position that it is of, or the video.
	At   string `json:"at"`
	What string `json:"what"`
}

// Differ notes a row.
func (r *ArchiveResult) Differ(table, at, what string) {
	if r.Count++; len(r.Differences) < namedDifferences {
		r.Differences = append(r.Differences, ArchiveDifference{table, at, what})
	}
}

// archiveWait is how long an archive that is behind is waited for, where the options
// do not say: many times what it is behind while it goes on.
const archiveWait = 30 * time.Second

// compareArchive waits until the archive has what was folded when it is called, so that
// nothing of that goes without a look, compares the archive with the log, and returns from where the
// shadow is to be folded: from the archive, unless that is not what it should be.
func (r *Runs) compareArchive(ctx context.Context, o *VerifyOptions, room *Room, m *Meter, result *VerifyResult) (Source, error) {
	live := r.cfg.Projector.Snapshot()
	m.Phase("waiting for the archive")
	if err := r.cfg.Archive.Await(ctx, live.At.Seq, cmp.Or(o.ArchiveWait, archiveWait)); err != nil {
		return nil, err
	}
	m.Phase("comparing the archive with the log")
	pace := pace{rate: o.EventsPerSecond}
	m.Reset(0, 0)
	m.Expect(live.At.Seq, int64(live.Folded))
	var err error
	defer room.clear()
	fold := func(o projector.FoldOptions) (Folding, error) {
		return begin(room, r.cfg.Projector.ModelConfig(), r.cfg.Projector.NewScratch, o)
	}
	result.Archive, err = r.cfg.Archive.Compare(ctx, fold, func(seq uint64, events int) error {
		m.Read(seq, events)
		return pace.after(ctx, events)
	})
	if err != nil || result.Archive.Count > 0 {
		return r.cfg.Source, err
	}
	return Join(r.cfg.Archive.Source(), r.cfg.Source), nil
}
