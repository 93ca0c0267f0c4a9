package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// LinkFiles gives another directory the files that a version names: they never
// change, so a second name suffices where the file system has such, and a copy
// is made where it has not. Call it while no newer version can remove them.
func (v *View) LinkFiles(dir string, names []string) error {
	for _, name := range names {
		from, to := v.store.FilePath(name), filepath.Join(dir, name+fileSuffix)
		if err := os.Link(from, to); err == nil {
			continue
		}
		if err := copyFile(from, to); err != nil {
			return fmt.Errorf("copy file %s of checkpoint: %w", name, err)
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// askEvery is how many rows are copied before it is asked again whether the disk may be
// written to.
const askEvery = 4096

// CopyTo writes the version, with this marker, into a store of its own in
// another directory, beside the files that LinkFiles put there, and brings all
// of it to the disk. Hold the view meanwhile. mayWrite is asked again and again; its
// error ends it.
func (v *View) CopyTo(ctx context.Context, dir string, note []byte, mayWrite func() error, o Options) (err error) {
	to, err := Open(dir, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	rows := func(yield func(key, value []byte) bool) {
		var refused error
		copied := 0
		err := v.Scan(nil, nil, func(key, value []byte) bool {
			if copied%askEvery == 0 {
				refused = mayWrite()
			}
			copied++
			return refused == nil && yield(key, value)
		})
		if err := errors.Join(err, refused); err != nil {
			cancel(err) // what was read is not all: the version must not be completed
		}
	}
	if _, err := to.Write(ctx, v.version, rows, note); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("copy checkpoint %d: %w", v.version, err)
	}
	return to.Sync()
}
