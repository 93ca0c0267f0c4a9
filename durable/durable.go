// Package durable writes small files that a loss of power leaves whole: the ones
// that name, describe or vouch for others. What is in them is their owners'.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile puts a file in the place of one of that name, at once and durably:
// whoever reads it, even after a power cut, finds the old contents or the new
// ones. Two writers of one file must not meet.
func WriteFile(path string, contents []byte) error {
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(contents)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return Sync(filepath.Dir(path))
}

// Sync flushes a file, or the names in a directory, to the disk, also what others
// wrote to it through a memory map: the kernel keeps one set of pages per file. A
// file that is gone needs none.
func Sync(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
