package projector

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tidemark-io/tidemark/durable"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
)

// A snapshot is a copy of what served, right or wrong. That it is whole (VerifiedAt)
// says that its files hold what was saved, and nothing more. It counts as compared
// (ComparedAt) once the serving model, from then on, was compared with the log and did
// not differ: what is wrong with a model stays until it is mended. Where a model turns
// out to have been wrong, all snapshots that were not compared are distrusted, before it
// is mended or replaced: a crash in between leaves none of them trusted.
//
// Both are files of their own beside SNAPSHOT.json, which somebody else may be writing.
const (
	snapshotCompared   = "COMPARED"   // holds the time
	snapshotDistrusted = "DISTRUSTED" // holds why
)

// readTrust reads what was found of the model that the snapshot was taken of.
func (i *SnapshotInfo) readTrust() error {
	why, err := readText(i.Path, snapshotDistrusted)
	if err != nil {
		return err
	}
	i.Distrusted = why
	at, err := readText(i.Path, snapshotCompared)
	if err == nil && at != "" {
		i.ComparedAt, err = time.Parse(time.RFC3339Nano, at)
	}
	return err
}

func readText(dir, name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(b)), err
}

// note writes one of the two files. A snapshot that has just been removed needs none.
func (i *SnapshotInfo) note(name, text string) error {
	err := durable.WriteFile(filepath.Join(i.Path, name), []byte(text+"\n"))
	if err != nil {
		if _, gone := os.Stat(i.Path); errors.Is(gone, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("note %s of snapshot %s: %w", name, i.Path, err)
	}
	return nil
}

// SnapshotsCompared notes of the snapshots up to a message that the serving model has
// been compared with the log since, and did not differ.
func (p *Projector) SnapshotsCompared(upTo uint64) error {
	return p.eachUncompared(func(info *SnapshotInfo) error {
		if info.Seq > upTo {
			return nil
		}
		return info.note(snapshotCompared, p.cfg.Now().UTC().Format(time.RFC3339Nano))
	})
}

// DistrustSnapshots has nobody begin any more with a snapshot from behind a message
// that was not compared, since the serving model is about to be mended or replaced: it
// was wrong. None is taken until resume is called, and then soon.
func (p *Projector) DistrustSnapshots(behind events.Position, why string) (resume func(), err error) {
	resume = p.snapshots.suspend()
	err = p.eachUncompared(func(info *SnapshotInfo) error {
		if info.Seq <= behind.Seq {
			return nil
		}
		p.cfg.Logger.Warn("snapshot is distrusted", "path", info.Path, "because", why)
		return info.note(snapshotDistrusted, why)
	})
	if err != nil {
		resume()
		return func() {}, err
	}
	return resume, nil
}

// eachUncompared calls fn for the snapshots of which neither is known.
func (p *Projector) eachUncompared(fn func(*SnapshotInfo) error) error {
	list, err := ListSnapshots(p.snapshots.dir)
	if err != nil {
		return err
	}
	for i := range list {
		if info := &list[i]; info.ComparedAt.IsZero() && info.Distrusted == "" {
			if err := fn(info); err != nil {
				return err
			}
		}
	}
	return nil
}

// suspend has no snapshot taken until resume is called, and drops one that is being
// taken.
func (s *snapshotter) suspend() (resume func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suspended++
	s.era++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.suspended--
		s.next = time.Unix(0, 1)
	})
}

// serves says whose checkpoints are kept from now on: those of a model that was
// replaced are none of the one that serves.
func (s *snapshotter) serves(store *checkpoint.Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store = store
}

// errOvertaken is why a snapshot is dropped that was complete.
var errOvertaken = errors.New("the read model that it is of was mended or replaced meanwhile")

// publish gives a snapshot its name, unless it was taken before the model was mended.
func (s *snapshotter) publish(half, path string, era int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if era != s.era {
		return errOvertaken
	}
	if err := os.RemoveAll(path); err != nil { // of the same position
		return err
	}
	return os.Rename(half, path)
}

// superfluous returns those of a list, oldest first, that are more than may be kept:
// what is distrusted, or damaged, goes first.
func superfluous(list []SnapshotInfo, kept int) (paths []string) {
	more := len(list) - max(kept, 1)
	for _, useless := range []bool{true, false} {
		for i := range list {
			if len(paths) < more && (list[i].Distrusted != "" || list[i].Fault != "") == useless {
				paths = append(paths, list[i].Path)
			}
		}
	}
	return paths
}
