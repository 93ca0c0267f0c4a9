package checkpoint

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Flat parts of a version lie in files of their own beside Badger, whose price
// is by the entry. A file is written before the version that names it, and is on
// the disk before that version's marker: so whoever finds the marker finds the
// file. A file that no version names is what a crash left.

// fileSuffix is that of the names of files beside Badger.
const fileSuffix = ".flat"

// fileBuffer makes few writes of many blocks.
const fileBuffer = 1 << 20

// FilePath is where the store keeps the file of that name.
func (s *Store) FilePath(name string) string { return filepath.Join(s.dir, name+fileSuffix) }

// CreateFile begins a file, in place of one of that name. Close brings it to
// the disk: only a file that was closed without an error may be named by a
// version. A Close that fails to sync breaks the store (ErrBroken).
func (s *Store) CreateFile(name string) (io.WriteCloser, error) {
	f, err := os.OpenFile(s.FilePath(name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create file of checkpoint: %w", err)
	}
	return &fileWriter{store: s, file: f, buffer: bufio.NewWriterSize(f, fileBuffer)}, nil
}

type fileWriter struct {
	store  *Store
	file   *os.File
	buffer *bufio.Writer
}

func (w *fileWriter) Write(p []byte) (int, error) { return w.buffer.Write(p) }

func (w *fileWriter) Close() error {
	if err := w.buffer.Flush(); err != nil {
		return errors.Join(fmt.Errorf("write file of checkpoint: %w", err), w.file.Close())
	}
	if err := w.file.Sync(); err != nil {
		w.store.writing.Lock()
		defer w.store.writing.Unlock()
		w.store.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return errors.Join(w.store.broken, w.file.Close())
	}
	return w.file.Close()
}

// RemoveFile removes a file that no version names.
func (s *Store) RemoveFile(name string) error {
	if err := os.Remove(s.FilePath(name)); err != nil {
		return fmt.Errorf("remove file of checkpoint: %w", err)
	}
	return nil
}

// OpenFile opens a file for reading. One that is gone, although a version names
// it, is ErrDamaged.
func (v *View) OpenFile(name string) (*os.File, error) {
	f, err := os.Open(v.store.FilePath(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, damaged("file %s is missing", name)
	}
	if err != nil {
		return nil, fmt.Errorf("open file of checkpoint: %w", err)
	}
	return f, nil
}

// KeepFiles deletes the files that keep does not want. What the latest version
// names must be kept, and what the one before names: a power cut may cost the
// latest marker.
func (s *Store) KeepFiles(keep func(name string) bool) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("list files of checkpoint: %w", err)
	}
	for _, e := range entries {
		name, ours := strings.CutSuffix(e.Name(), fileSuffix)
		if !ours || keep(name) {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, e.Name())); err != nil {
			return fmt.Errorf("remove file of checkpoint: %w", err)
		}
	}
	return nil
}
