package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// A model can begin with a copy of a snapshot in place of an empty one. Then all
// that the snapshot holds is taken at its word, so every byte of it is read and
// compared with the digest that it was saved under.

// Fits reports why a snapshot cannot be gone on with by this binary's fold of the
// log that has this incarnation and lineage, and holds its messages from first on; nil
// if it can, as far as it says.
func (i *SnapshotInfo) Fits(incarnation events.Incarnation, lineage events.Lineage, first uint64) error {
	if i.FoldVersion != foldVersion {
		return fmt.Errorf("it was folded by fold version %d, this binary's is %d", i.FoldVersion, foldVersion)
	}
	if i.Distrusted != "" {
		return fmt.Errorf("it is distrusted: %s", i.Distrusted)
	}
	m := marker{Incarnation: i.Incarnation, Last: fingerprint{Seq: i.Seq}}
	if err := m.belongs(incarnation, lineage); err != nil {
		return err
	}
	if i.Seq+1 < first {
		return fmt.Errorf("the log goes on at message %d", first)
	}
	return nil
}

// shadowOfSnapshot begins a shadow with a copy of a snapshot.
func (p *Projector) shadowOfSnapshot(ctx context.Context, role shadowRole, o ShadowOptions) (*Shadow, error) {
	name, err := p.copySnapshot(ctx, o.From, p.cfg.MayWrite)
	if err != nil {
		return nil, err
	}
	s, err := p.loadShadow(ctx, name, role, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin with snapshot %s: %w", o.From.Path, err), p.models.Remove(name))
	}
	return s, nil
}

// copySnapshot makes a model of a snapshot whose digest holds, and returns its name.
func (p *Projector) copySnapshot(ctx context.Context, info *SnapshotInfo, mayWrite func() error) (name string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("copy snapshot %s: %w", info.Path, err)
		}
	}()
	from, err := checkpoint.Open(info.Path, checkpoint.Options{Logger: p.cfg.Logger, Existing: true})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	view := from.View()
	_, note := from.Latest()
	names, err := checkSnapshot(view, note, info)
	if err != nil {
		return "", err
	}
	name, path, err := p.models.Create()
	if err != nil {
		return "", err
	}
	if err = view.LinkFiles(path, names); err == nil {
		err = view.CopyTo(ctx, path, note, mayWrite, checkpoint.Options{Logger: p.cfg.Logger})
	}
	if err != nil {
		return "", errors.Join(err, p.models.Remove(name))
	}
	return name, nil
}

// checkSnapshot compares a snapshot with what is said of it, and its rows with
// their digest; those of the tables are compared when they are loaded. It returns
// the names of the tables' files.
func checkSnapshot(view *checkpoint.View, note []byte, info *SnapshotInfo) (files []string, err error) {
	m, err := decodeMarker(note)
	if err != nil {
		return nil, err
	}
	if m.Digest != info.Digest || m.Last.Seq != info.Seq {
		return nil, fmt.Errorf("it holds message %d with digest %s, and is said to hold message %d with digest %s", m.Last.Seq, m.Digest, info.Seq, info.Digest)
	}
	if err := readmodel.CheckRows(view, m.Model); err != nil {
		return nil, err
	}
	return readmodel.FileNames(view)
}

// beginAnewFromSnapshot is beginAnew for a log that begins later: with the newest
// snapshot that it goes on from and whose digest holds.
func (p *Projector) beginAnewFromSnapshot(ctx context.Context, first, last uint64, retired, why string) error {
	list, err := ListSnapshots(p.snapshots.dir)
	if err != nil {
		return err
	}
	if err := p.removeUnfinished(retired); err != nil {
		return err
	}
	for _, info := range slices.Backward(list) {
		err := info.Fits(p.cfg.Log.Incarnation(), p.cfg.Log.Lineage(), first)
		if err == nil {
			err = p.beginWith(ctx, &info, first, last)
		}
		if err == nil {
			p.retired, p.rebuilt, p.replaces = retired, why, why != ""
			return p.begunAnew(&info)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.cfg.Logger.Warn("snapshot is passed over", "path", info.Path, "error", err)
	}
	return fmt.Errorf("%w: it begins at message %d, and no snapshot holds what was before. Restore the data directory's models folder from a backup of the same log, or give the archive of it",
		ErrLogIncomplete, first)
}

// beginWith gives a copy of a snapshot to the live edition.
func (p *Projector) beginWith(ctx context.Context, info *SnapshotInfo, first, last uint64) error {
	name, err := p.copySnapshot(ctx, info, func() error { return nil }) // there is no service without it
	if err != nil {
		return err
	}
	l := load(p.cfg, name, p.models.Path(name))
	<-l.done
	if err = l.usable(); err == nil {
		err = p.compare(ctx, &l.mark.Last, first, last)
	}
	if err != nil {
		l.Close()
		return errors.Join(err, p.models.Remove(name))
	}
	if err := info.Verified(p.cfg.Now()); err != nil {
		p.cfg.Logger.Warn("that a snapshot was verified could not be noted", "error", err)
	}
	p.live.name, p.live.store = name, l.store
	p.live.take(l)
	l.model.Adopt(p.cfg.Log.Incarnation(), p.cfg.Log.Lineage())
	p.live.begin(l.model)
	return nil
}

// begunAnew gives the model of before the generation that it will serve with.
func (p *Projector) begunAnew(info *SnapshotInfo) error {
	generation, err := p.models.NextGeneration()
	if err != nil {
		return err
	}
	p.live.model.SetGeneration(generation)
	if err := p.live.writeFirst(); err != nil {
		return err
	}
	p.cfg.Logger.Warn("the read model begins with a snapshot, since the log does not hold its beginning", "sequence", info.Seq, "digest", info.Digest)
	if p.replaces {
		return nil
	}
	return p.models.Use(p.live.name)
}
