package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
)

// Base is what a fold beside the serving model begins with.
type Base struct {
	// Snapshot is the last message that the snapshot holds with which it begins; 0 for
	// a fold of the log from its beginning.
	Snapshot uint64 `json:"snapshot_sequence,omitempty"`
	// Exports are read before the log.
	Exports []ReadFirst `json:"exports,omitempty"`
	// Archived is the last message that is read from the archive, since the log
	// begins behind it; 0 where none is.
	Archived uint64 `json:"archive_sequence,omitempty"`
	// PassedOver says of each nearer snapshot why it was not used.
	PassedOver []string `json:"passed_over,omitempty"`

	// compared: the snapshot's model was compared with the log.
	compared bool
}

// independent reports whether a fold that began with it says something of all that
// the serving model holds: one that begins with a snapshot would repeat what is wrong
// with that.
func (b *Base) independent() bool { return b != nil && (b.Snapshot == 0 || b.compared) }

// behind is the message behind which a fold that began with it owes nothing to what
// served; nil is that of nothing known.
func (b *Base) behind() events.Position {
	if b == nil {
		return events.Position{}
	}
	return events.Position{Seq: b.Snapshot}
}

// String says it to people.
func (b *Base) String() string {
	switch {
	case b.Snapshot > 0 || len(b.Exports) > 0:
	case b.Archived > 0:
		return fmt.Sprintf("the archive from its beginning to message %d, and the log behind it", b.Archived)
	default:
		return "the log from its beginning"
	}
	var said strings.Builder
	if b.Snapshot > 0 {
		fmt.Fprintf(&said, "the snapshot of message %d, ", b.Snapshot)
	}
	for _, x := range b.Exports {
		fmt.Fprintf(&said, "the export %s of messages %d to %d, ", x.Name, x.First, x.Last)
	}
	if b.Archived > 0 {
		fmt.Fprintf(&said, "the archive up to message %d, ", b.Archived)
	}
	return said.String() + "and the log behind it"
}

// ErrNotCovered is returned for a rebuild or a verification where neither the
// source nor a snapshot holds what is before the source's first message.
var ErrNotCovered = errors.New("the log does not begin at its beginning")

// ErrUnreachable is returned where the event log, or the archive of what it has
// forgotten, does not answer: the run can be begun once it does.
var ErrUnreachable = errors.New("the event log does not answer")

// ErrNoSnapshot is returned where a fold is to begin with a snapshot, and there is
// none that it could begin with.
var ErrNoSnapshot = errors.New("there is no snapshot to begin with")

// bases are the snapshots that a fold may begin with, the nearest first; without
// any it begins with the source.
type bases struct {
	// source is the log, behind those exports.
	source     Source
	exports    []ReadFirst
	list       []projector.SnapshotInfo
	passedOver []string
	// refused is the error where none of them can be used.
	refused error
	// trimmed is the last message that the log itself has forgotten.
	trimmed uint64
	// room is what is reserved for the fold.
	room *Room
}

// archived is the last message that a fold reads from the archive which begins behind
// a snapshot and exports; 0 where it reads none.
func (b *bases) archived(base *Base) uint64 {
	held := base.Snapshot
	for _, x := range base.Exports {
		held = max(held, x.Last)
	}
	if b.trimmed <= held {
		return 0
	}
	return b.trimmed
}

// findBases looks for what a fold up to the serving model's position may begin
// with: the beginning of the source, where that holds it and no snapshot is asked
// for, else a snapshot that the source goes on from. It fails with ErrNotCovered or
// ErrNoSnapshot, which say why each snapshot does not do.
func (r *Runs) findBases(ctx context.Context, exports []string, fromSnapshot bool) (*bases, error) {
	source, read, err := r.behind(ctx, exports)
	if err != nil {
		return nil, err
	}
	first, last, err := source.Bounds(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: ask where it stands: %w", ErrUnreachable, err)
	}
	covered := first <= 1 || last < first
	trimmed, err := r.trimmed(ctx)
	if err != nil {
		return nil, err
	}
	b := &bases{trimmed: trimmed, source: source, exports: read, refused: ErrNoSnapshot}
	if covered && !fromSnapshot {
		return b, nil
	}
	if !covered {
		b.refused = fmt.Errorf("%w: it begins at message %d, and nothing else holds what was before: give an export of that (--from-export), or the archive (--postgres-url)", ErrNotCovered, first)
	}
	if r.cfg.Snapshots != nil {
		if err := b.look(r, first); err != nil {
			return nil, err
		}
	}
	if len(b.list) == 0 {
		return nil, b.none()
	}
	return b, nil
}

// trimmed is the last message that the log has forgotten and the source still holds.
func (r *Runs) trimmed(ctx context.Context) (uint64, error) {
	if r.cfg.Log == nil {
		return 0, nil
	}
	first, _, err := r.cfg.Log.Bounds(ctx)
	if err != nil {
		return 0, fmt.Errorf("%w: ask where it stands: %w", ErrUnreachable, err)
	}
	return max(first, 1) - 1, nil
}

// look sorts out the snapshots that cannot do, as far as they say themselves.
func (b *bases) look(r *Runs, first uint64) error {
	list, err := r.cfg.Snapshots.List()
	if err != nil {
		return err
	}
	model, at := r.cfg.Projector.ModelConfig(), r.cfg.Projector.Snapshot().At.Seq
	for _, info := range slices.Backward(list) {
		err := info.Fits(model.Incarnation, model.Lineage, first)
		if err == nil && info.Seq > at {
			err = fmt.Errorf("the serving model has folded message %d", at)
		}
		if err != nil {
			b.passOver(&info, err)
			continue
		}
		b.list = append(b.list, info)
	}
	return nil
}

func (b *bases) passOver(info *projector.SnapshotInfo, why error) {
	b.passedOver = append(b.passedOver, fmt.Sprintf("snapshot of message %d: %v", info.Seq, why))
}

// none says that no snapshot can be used, and why.
func (b *bases) none() error {
	err := b.refused
	for _, why := range b.passedOver {
		err = fmt.Errorf("%w; %s", err, why)
	}
	return err
}

// begin begins a shadow with the nearest snapshot whose digest holds, or with the
// log. Those that are damaged are passed over.
func (b *bases) begin(ctx context.Context, r *Runs, m *Meter, shadow func(*Base, projector.ShadowOptions) (*projector.Shadow, error)) (s *projector.Shadow, base *Base, err error) {
	if len(b.list) == 0 {
		base = &Base{Exports: b.exports}
		base.Archived = b.archived(base)
		m.Begin(base)
		s, err = shadow(base, projector.ShadowOptions{OnDisk: b.room.onDisk()})
		return s, base, err
	}
	for i := range b.list {
		info := &b.list[i]
		m.Phase(fmt.Sprintf("loading the snapshot of message %d", info.Seq))
		base = &Base{Snapshot: info.Seq, Exports: b.exports, PassedOver: b.passedOver, compared: !info.ComparedAt.IsZero()}
		base.Archived = b.archived(base)
		err := r.cfg.Snapshots.alone(ctx, func() (err error) {
			s, err = shadow(base, projector.ShadowOptions{From: info, Read: readBack(b.source), OnDisk: b.room.onDisk()})
			if err == nil {
				r.cfg.Snapshots.verified(info)
			}
			return err
		})
		switch {
		case err == nil:
			m.Begin(base)
			return s, base, nil
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		}
		r.cfg.Logger.Warn("snapshot is passed over", "sequence", info.Seq, "error", err)
		b.passOver(info, err)
	}
	return nil, nil, b.none()
}

// reserve reserves for so many models, in memory or on disk, and so much for what is read
// for them.
func (r *Runs) reserve(who string, onDisk bool, models int, beside, reading uint64, instead string) (*Room, error) {
	if onDisk {
		return r.cfg.Memory.onDisk(who, models, reading, insteadOnDisk)
	}
	return r.cfg.Memory.models(who, models, beside+reading/uint64(models), instead)
}

// beside reserves for a model beside the serving one; from is told.
func (r *Runs) beside(from *bases, onDisk bool) func(who string) (*Room, error) {
	return func(who string) (_ *Room, err error) {
		from.room, err = r.reserve(who, onDisk, 1, besideBytes, readingMemory(from.exports), insteadOfBeside)
		return from.room, err
	}
}

// What to do where a model beside the serving one does not fit, in memory or on disk.
const (
	insteadOfBeside = "fold it on disk (--on-disk), give the service more (its control group, GOMEMLIMIT), or run this where there is more"
	insteadOnDisk   = "give the service more (its control group, GOMEMLIMIT), or run this where there is more"
)

// goesOnFrom reports whether the source holds what comes behind a message: where that
// was trimmed meanwhile, nobody will ever go on from there.
func (b *bases) goesOnFrom(ctx context.Context, seq uint64) bool {
	first, last, err := b.source.Bounds(ctx)
	return err != nil || first > last || first <= seq+1
}

// readBack reads a message that was folded before, to compare it: one that was
// trimmed since is not there to compare with.
func readBack(s Source) projector.ReadFunc {
	return func(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
		err := s.Read(ctx, from, to, fn)
		if errors.Is(err, ErrGap) {
			return nil
		}
		return err
	}
}
