package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tidemark-io/tidemark/durable"
)

// Beside the current model there may be more that are kept: the one that served
// before it, to go back to, one that is being rebuilt, to go on with, and one that
// the next start takes.
//
//	Dir/PREVIOUS    the name of the one that served before, and of the one before it
//	Dir/REBUILDING  the name of the one being rebuilt, and a note of how
//	Dir/NEXT        the name of the one that the next start takes
//	Dir/GENERATION  the highest generation that was given to a model
//
// Each file is written, fsynced and renamed. A directory that none of them nor
// CURRENT names is what a crash left (Sweep).
const (
	previousFile   = "PREVIOUS"
	rebuildingFile = "REBUILDING"
	nextFile       = "NEXT"
	generationFile = "GENERATION"
)

// Previous returns the name of the model that served before the current one; an
// empty string if there is none. Where a crash came between SetPrevious and Use, it is
// still the one that was to go back to before.
func (m Models) Previous() (string, error) {
	name, before, err := m.readRole(previousFile)
	if err != nil {
		return "", err
	}
	current, _, err := m.inUse()
	if err != nil {
		return "", err
	}
	if name == current {
		name = string(before)
	}
	return m.beside(name)
}

// Rebuilding returns the name of the model being rebuilt, and the note that was
// left with it; an empty name if there is none.
func (m Models) Rebuilding() (name string, note []byte, err error) { return m.role(rebuildingFile) }

// role reads a file that names a model. One that names none any more, since the
// directory is gone or the file is damaged, names none; nor does one that names
// the current model, which a crash left behind CURRENT.
func (m Models) role(file string) (name string, note []byte, err error) {
	if name, note, err = m.readRole(file); err == nil {
		name, err = m.beside(name)
	}
	if name == "" {
		note = nil
	}
	return name, note, err
}

// readRole returns what such a file says, whatever that is.
func (m Models) readRole(file string) (name string, note []byte, err error) {
	b, err := os.ReadFile(filepath.Join(m.Dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, fmt.Errorf("read %s: %w", file, err)
	}
	first, note, _ := bytes.Cut(b, []byte("\n"))
	return string(first), note, nil
}

// beside returns the name if it is that of a model that is there beside the current one.
func (m Models) beside(name string) (string, error) {
	path, err := m.path(name)
	if err != nil {
		return "", nil
	}
	if _, err := os.Stat(path); err != nil {
		return "", nil
	}
	current, _, err := m.inUse()
	if err != nil || name == current {
		return "", err
	}
	return name, nil
}

// SetRebuilding names the model being rebuilt, with a note for who goes on with it.
func (m Models) SetRebuilding(name string, note []byte) error {
	return m.setRole(rebuildingFile, name, note)
}

// SetPrevious names the model to go back to; an empty name forgets it. To let another
// serve in place of the current one, call it with that one's name before Use: until then
// the way back is what it was.
func (m Models) SetPrevious(name string) error {
	before, err := m.Previous()
	if err != nil {
		return err
	}
	return m.setRole(previousFile, name, []byte(before))
}

// Next returns the name of the model that the next start takes; an empty string if
// that is the current one.
func (m Models) Next() (string, error) {
	name, _, err := m.role(nextFile)
	return name, err
}

// SetNext names the model that the next start takes; an empty name forgets it.
func (m Models) SetNext(name string) error { return m.setRole(nextFile, name, nil) }

// EndRebuilding forgets that a model is being rebuilt.
func (m Models) EndRebuilding() error { return m.setRole(rebuildingFile, "", nil) }

func (m Models) setRole(file, name string, note []byte) error {
	if name == "" {
		err := os.Remove(filepath.Join(m.Dir, file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", file, err)
		}
		return durable.Sync(m.Dir)
	}
	if _, err := m.path(name); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(m.Dir, file), append([]byte(name+"\n"), note...)); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// Sweep removes the directories of models that are neither the current one, nor
// to go back to, nor being rebuilt, nor the next, and returns their names. Call it
// only where the current one is good.
func (m Models) Sweep() (removed []string, err error) {
	current, _, err := m.Current()
	if err != nil {
		return nil, err
	}
	previous, err := m.Previous()
	if err != nil {
		return nil, err
	}
	rebuilding, _, err := m.Rebuilding()
	if err != nil {
		return nil, err
	}
	next, err := m.Next()
	if err != nil {
		return nil, err
	}
	names, err := m.List()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if name == current || name == previous || name == rebuilding || name == next {
			continue
		}
		if err := m.Remove(name); err != nil {
			return removed, err
		}
		removed = append(removed, name)
	}
	return removed, nil
}

// generationsSkipped is more than any directory has had when the file that
// counts them is damaged: a generation must never be given twice.
const generationsSkipped = 1 << 20

// NextGeneration returns a number above all that it returned before, durably. A
// directory that knows of none begins above the numbers of its models.
func (m Models) NextGeneration() (uint32, error) {
	if err := os.MkdirAll(m.Dir, 0o755); err != nil {
		return 0, fmt.Errorf("make directory of models: %w", err)
	}
	last, err := m.highest()
	if err != nil {
		return 0, err
	}
	b, err := os.ReadFile(filepath.Join(m.Dir, generationFile))
	switch n, parseErr := strconv.ParseUint(strings.TrimSuffix(string(b), "\n"), 10, 32); {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("read the last generation: %w", err)
	case err == nil && parseErr != nil:
		last += generationsSkipped // the file is damaged
	case err == nil:
		last = max(last, n)
	}
	if last >= math.MaxUint32 {
		return 0, errors.New("there are no generations left")
	}
	next := uint32(last + 1)
	if err := durable.WriteFile(filepath.Join(m.Dir, generationFile), fmt.Appendln(nil, next)); err != nil {
		return 0, fmt.Errorf("write the last generation: %w", err)
	}
	return next, nil
}
