package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidemark-io/tidemark/durable"
)

// ErrCurrent is returned for removing the model in use.
var ErrCurrent = errors.New("model is the current one")

// ErrModelName is returned for a name that is not one of a model's directory.
var ErrModelName = errors.New("not the name of a model")

const (
	currentFile = "CURRENT"
	modelPrefix = "model-"
	damagedMark = ".damaged-"
	reasonFile  = "REASON"
)

// Models keeps several checkpoints side by side, each in its own directory, so
// that a model can be rebuilt beside the one in use and take its place at once:
//
//	Dir/CURRENT                             the name of the one in use
//	Dir/model-000001/                       a store
//	Dir/model-000002.damaged-1790000000/    one set aside, with its REASON
//
// One process uses it at a time; it holds nothing open.
type Models struct {
	Dir string
}

// Current returns the name and directory of the model in use; empty strings if
// none was chosen yet. It fails with ErrDamaged if CURRENT names none, and with
// an error that is fs.ErrNotExist if the directory is gone.
func (m Models) Current() (name, path string, err error) {
	name, chosen, err := m.inUse()
	if err != nil || !chosen {
		return "", "", err
	}
	if _, ok := modelNumber(name); !ok {
		return "", "", damaged("%s names %.40q, which is no model", currentFile, name)
	}
	path = filepath.Join(m.Dir, name)
	if _, err := os.Stat(path); err != nil {
		return "", "", fmt.Errorf("find current model: %w", err)
	}
	return name, path, nil
}

// inUse returns what CURRENT says, whatever that is, and whether there is such a file.
func (m Models) inUse() (name string, chosen bool, err error) {
	b, err := os.ReadFile(filepath.Join(m.Dir, currentFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read current model: %w", err)
	}
	return strings.TrimSuffix(string(b), "\n"), true, nil
}

// Create makes the directory of a new model, with a number never used before
// among those that are there, set aside or not.
func (m Models) Create() (name, path string, err error) {
	if err := os.MkdirAll(m.Dir, 0o755); err != nil {
		return "", "", fmt.Errorf("make directory of models: %w", err)
	}
	err = fs.ErrExist
	for errors.Is(err, fs.ErrExist) { // others may make one at the same time
		var highest uint64
		if highest, err = m.highest(); err != nil {
			return "", "", err
		}
		name = fmt.Sprintf("%s%06d", modelPrefix, highest+1)
		path = filepath.Join(m.Dir, name)
		err = os.Mkdir(path, 0o755)
	}
	if err != nil {
		return "", "", fmt.Errorf("make model: %w", err)
	}
	if err := durable.Sync(m.Dir); err != nil {
		return "", "", fmt.Errorf("make model: %w", err)
	}
	return name, path, nil
}

// highest returns the highest number among the models, those set aside included.
func (m Models) highest() (highest uint64, err error) {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return 0, fmt.Errorf("list models: %w", err)
	}
	for _, e := range entries {
		stem, _, _ := strings.Cut(e.Name(), damagedMark)
		if n, ok := modelNumber(stem); ok {
			highest = max(highest, n)
		}
	}
	return highest, nil
}

// Use makes a model the current one, at once and durably.
func (m Models) Use(name string) error {
	path, err := m.path(name)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("use model: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(m.Dir, currentFile), []byte(name+"\n")); err != nil {
		return fmt.Errorf("use model %s: %w", name, err)
	}
	return nil
}

// SetAside renames a model that is closed and cannot be used, so that it can be
// looked into, and returns its new directory. The reason goes into a file
// there. The current one may be set aside: CURRENT then names a directory that
// is gone, until Use.
func (m Models) SetAside(name, reason string, at time.Time) (path string, err error) {
	from, err := m.path(name)
	if err != nil {
		return "", err
	}
	path = from + damagedMark + strconv.FormatInt(at.Unix(), 10)
	if err := os.Rename(from, path); err != nil {
		return "", fmt.Errorf("set model aside: %w", err)
	}
	// The directory is out of the way, which is what counts.
	err = errors.Join(durable.Sync(m.Dir), os.WriteFile(filepath.Join(path, reasonFile), []byte(reason+"\n"), 0o644))
	if err != nil {
		return path, fmt.Errorf("note why model %s was set aside: %w", name, err)
	}
	return path, nil
}

// Remove deletes a model's directory. It fails with ErrCurrent for the one in use.
func (m Models) Remove(name string) error {
	path, err := m.path(name)
	if err != nil {
		return err
	}
	// Whatever CURRENT says counts, also if its directory is gone.
	current, _, err := m.inUse()
	if err != nil {
		return err
	}
	if current == name {
		return fmt.Errorf("remove %s: %w", name, ErrCurrent)
	}
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("remove model: %w", err)
	}
	return nil
}

// List returns the names of all models that are not set aside, oldest first.
func (m Models) List() ([]string, error) {
	entries, err := os.ReadDir(m.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list models: %w", err)
	}
	var names []string
	for _, e := range entries {
		if _, ok := modelNumber(e.Name()); ok && e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Path is the directory of the model with that name.
func (m Models) Path(name string) string { return filepath.Join(m.Dir, name) }

func (m Models) path(name string) (string, error) {
	if _, ok := modelNumber(name); !ok {
		return "", fmt.Errorf("%w: %.40q", ErrModelName, name)
	}
	return filepath.Join(m.Dir, name), nil
}

// modelNumber parses the one way in which a model's name is written.
func modelNumber(name string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, modelPrefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && name == fmt.Sprintf("%s%06d", modelPrefix, n)
}
