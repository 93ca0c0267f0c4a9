package projector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidemark-io/tidemark/durable"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// A snapshot is a copy of a checkpoint that is kept: a model's directory of its
// own, which shares the files of the flat tables with the checkpoint by hard
// links. From the nearest one, what counts were at some position is folded in the
// time that the log behind it takes.
//
//	models/snapshots/snapshot-00000000000000001200/    a store, with SNAPSHOT.json
//
// The file SNAPSHOT.json is written last. Then all is read back and compared with its
// digest, before the directory gets its name.

// SnapshotInfo says what a snapshot holds.
type SnapshotInfo struct {
	Path string `json:"-"`
	// Seq is the last message folded, LogTime the greatest append time up to it.
	Seq         uint64    `json:"sequence"`
	LogTime     time.Time `json:"log_time"`
	Incarnation string    `json:"incarnation"`
	FoldVersion int       `json:"fold_version"`
	Digest      string    `json:"digest"`
	SavedAt     time.Time `json:"saved_at"`
	// VerifiedAt is when all of it was read last and had its digest: when it was taken,
	// and whenever it was needed since. It is zero where it has not held, or was taken by
	// a version that did not look.
	VerifiedAt time.Time `json:"verified_at,omitzero"`
	// ComparedAt is when the model that it was taken of had been compared with the log,
	// and did not differ; zero if it was not. Distrusted says why nobody may begin with
	// it, where it was taken while the model was wrong.
	ComparedAt time.Time `json:"-"`
	Distrusted string    `json:"-"`
	// Fault says why it has not held when it was read last.
	Fault string `json:"fault,omitempty"`
}

// Verified notes that all of the snapshot was read and had its digest.
func (i SnapshotInfo) Verified(at time.Time) error {
	i.VerifiedAt, i.Fault = at.UTC(), ""
	return i.write(i.Path)
}

// Failed notes that the snapshot does not hold what was saved.
func (i SnapshotInfo) Failed(why error) error {
	i.VerifiedAt, i.Fault = time.Time{}, why.Error()
	return i.write(i.Path)
}

func (i *SnapshotInfo) write(dir string) error {
	b, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, snapshotMark), append(b, '\n'))
}

// Bytes is what the snapshot's files hold. Some may be the checkpoint's too. One that
// has just been removed holds none.
func (i *SnapshotInfo) Bytes() (total int64, err error) {
	files, err := os.ReadDir(i.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, file := range files {
		if info, err := file.Info(); err == nil { // else it has just been removed
			total += info.Size()
		}
	}
	return total, err
}

const (
	snapshotPrefix = "snapshot-"
	snapshotMark   = "SNAPSHOT.json"
	snapshotHalf   = ".part"
)

// SnapshotsDir is where the snapshots of a directory of models lie.
func SnapshotsDir(modelsDir string) string { return filepath.Join(modelsDir, "snapshots") }

// ListSnapshots returns the snapshots in a directory, oldest first. What has no mark,
// or one that cannot be read, is none: half of one that was being removed.
func ListSnapshots(dir string) ([]SnapshotInfo, error) {
	list, _, err := findSnapshots(dir)
	return list, err
}

// findSnapshots also returns the paths of what is left of others.
func findSnapshots(dir string) (list []SnapshotInfo, left []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list snapshots: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), snapshotPrefix) {
			continue
		}
		info := SnapshotInfo{Path: filepath.Join(dir, e.Name())}
		if strings.HasSuffix(e.Name(), snapshotHalf) || info.read() != nil {
			left = append(left, info.Path)
			continue
		}
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b SnapshotInfo) int {
		return events.Position{Seq: a.Seq}.Compare(events.Position{Seq: b.Seq})
	})
	return list, left, nil
}

func (i *SnapshotInfo) read() error {
	b, err := os.ReadFile(filepath.Join(i.Path, snapshotMark))
	if err != nil {
		return err
	}
	return errors.Join(json.Unmarshal(b, i), i.readTrust())
}

// snapshotter copies checkpoints now and then.
type snapshotter struct {
	cfg *Config
	dir string
	wg  sync.WaitGroup
	ctx context.Context // of Run

	mu   sync.Mutex
	next time.Time // not before; zero until it is looked up
	busy bool
	// store is that of the model that serves.
	store *checkpoint.Store
	// suspended counts who wants none taken, era how often that was wanted.
	suspended, era int
}

// take copies the newest checkpoint if one is due. It is called beside the fold,
// when a checkpoint stands and no newer one is begun.
func (s *snapshotter) take(store *checkpoint.Store, view *checkpoint.View) {
	era, due := s.due(store)
	if !due {
		return
	}
	_, note := store.Latest()
	half, info, err := s.begin(view, note)
	if err != nil || !view.Acquire() {
		s.failed(errors.Join(err, os.RemoveAll(half)))
		return
	}
	s.wg.Go(func() {
		err := s.copy(view, note, half, info)
		view.Release()
		if err == nil {
			err = s.finish(half, info, era)
		}
		if err != nil {
			s.failed(errors.Join(err, os.RemoveAll(half)))
			return
		}
		s.done(info)
	})
}

// due reports whether it is time, and then keeps others from being begun.
func (s *snapshotter) due(store *checkpoint.Store) (era int, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.SnapshotInterval <= 0 || s.suspended > 0 || s.store != store {
		return 0, false
	}
	if s.next.IsZero() {
		s.next = s.lookUpNext()
	}
	if s.busy || s.cfg.Now().Before(s.next) || s.cfg.MayWrite() != nil {
		return 0, false
	}
	s.busy = true
	return s.era, true
}

// lookUpNext returns when the next is due behind those that are there. The clock may
// have been set back since.
func (s *snapshotter) lookUpNext() time.Time {
	list, err := ListSnapshots(s.dir)
	if err != nil {
		s.cfg.Logger.Warn("snapshots could not be listed", "error", err)
	}
	for _, info := range slices.Backward(list) {
		if info.Distrusted != "" || info.Fault != "" {
			continue
		}
		saved := info.SavedAt
		if now := s.cfg.Now(); saved.After(now) {
			saved = now
		}
		return saved.Add(s.cfg.SnapshotInterval)
	}
	return time.Unix(0, 1)
}

// begin makes the directory and links the files into it.
func (s *snapshotter) begin(view *checkpoint.View, note []byte) (half string, info SnapshotInfo, err error) {
	m, err := decodeMarker(note)
	if err != nil {
		return "", info, err
	}
	at, logTime, err := readmodel.StateOf(m.Model)
	if err != nil {
		return "", info, err
	}
	info = SnapshotInfo{
		Path: filepath.Join(s.dir, fmt.Sprintf("%s%020d", snapshotPrefix, at.Seq)),
		Seq:  at.Seq, LogTime: logTime.Std(), Incarnation: m.Incarnation, FoldVersion: m.FoldVersion, Digest: m.Digest, SavedAt: s.cfg.Now().UTC(),
	}
	half = info.Path + snapshotHalf
	names, err := readmodel.FileNames(view)
	if err == nil {
		err = errors.Join(os.RemoveAll(half), os.MkdirAll(half, 0o755))
	}
	if err == nil {
		err = view.LinkFiles(half, names)
	}
	return half, info, err
}

// copy copies the rows, and writes the mark.
func (s *snapshotter) copy(view *checkpoint.View, note []byte, half string, info SnapshotInfo) error {
	if err := view.CopyTo(s.ctx, half, note, s.cfg.MayWrite, checkpoint.Options{Logger: s.cfg.Logger}); err != nil {
		return err
	}
	return info.write(half)
}

// finish reads back what was written, and gives the directory its name: others may go
// for it, and messages of the log too.
func (s *snapshotter) finish(half string, info SnapshotInfo, era int) error {
	written := info
	written.Path = half
	if _, err := CheckSnapshot(s.ctx, written, s.cfg.Logger); err != nil {
		return err
	}
	if err := written.Verified(s.cfg.Now()); err != nil {
		return err
	}
	if err := s.publish(half, info.Path, era); err != nil {
		return err
	}
	return durable.Sync(s.dir)
}

// done plans the next one and removes those that are too many.
func (s *snapshotter) done(info SnapshotInfo) {
	s.plan(s.cfg.SnapshotInterval)
	list, left, err := findSnapshots(s.dir)
	for _, path := range superfluous(list, s.cfg.SnapshotsKept) {
		half := path + snapshotHalf // so that nobody takes it for whole meanwhile
		err = errors.Join(err, os.RemoveAll(half), os.Rename(path, half))
		left = append(left, half)
	}
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	if err != nil {
		s.cfg.Logger.Warn("old snapshots could not be removed", "error", err)
	}
	s.cfg.Logger.Info("a snapshot was taken", "sequence", info.Seq, "digest", info.Digest)
}

func (s *snapshotter) failed(err error) {
	s.plan(min(s.cfg.SnapshotInterval, time.Minute))
	if s.ctx.Err() == nil {
		s.cfg.Logger.Error("a snapshot could not be taken, it will be tried again", "error", err)
	}
}

// soon has the next checkpoint kept, whatever the interval says.
func (s *snapshotter) soon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = time.Unix(0, 1)
}

func (s *snapshotter) plan(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy, s.next = false, s.cfg.Now().Add(after)
}

// Snapshot is an open snapshot, whose model may be folded on. It is for one
// goroutine, which closes it.
type Snapshot struct {
	Model *readmodel.Model
	mark  marker
	store *checkpoint.Store
}

// OpenSnapshot loads a snapshot of the log with this incarnation and lineage. It
// fails where the snapshot is of another log, of another fold version, or is not
// what was saved.
func OpenSnapshot(info SnapshotInfo, cfg readmodel.Config, logger *slog.Logger) (*Snapshot, error) {
	l := load(Config{
		DedupeHorizon: cfg.DedupeHorizon, OutcomeHorizon: cfg.OutcomeHorizon, IdentityBytes: cfg.IdentityBytes, Logger: logger,
	}, filepath.Base(info.Path), info.Path)
	<-l.done
	err := l.usable()
	switch {
	case err != nil:
	case l.mark.FoldVersion != foldVersion:
		err = fmt.Errorf("it was folded by fold version %d, this binary's is %d", l.mark.FoldVersion, foldVersion)
	case l.mark.Last.Seq != info.Seq:
		err = fmt.Errorf("it holds message %d, and is said to hold message %d", l.mark.Last.Seq, info.Seq)
	default:
		err = l.mark.belongs(cfg.Incarnation, cfg.Lineage)
	}
	if err != nil {
		if l.store != nil {
			_ = l.store.Close() // it was only read
		}
		return nil, fmt.Errorf("open snapshot %s: %w", info.Path, err)
	}
	l.model.Adopt(cfg.Incarnation, cfg.Lineage)
	return &Snapshot{Model: l.model, mark: l.mark, store: l.store}, nil
}

// Seq is the last message folded.
func (s *Snapshot) Seq() uint64 { return s.mark.Last.Seq }

// Matches reports whether the message is the last that was folded, as it was.
func (s *Snapshot) Matches(m *eventlog.Message) bool { return s.mark.Last.is(m) }

// Close lets go of the snapshot; its model cannot be used any more.
func (s *Snapshot) Close() error { return s.store.Close() }
