package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// preflight checks a locked directory before Badger opens it, and returns its
// floor. It finds the damage that Badger would pass over in silence or die of;
// what is left to Badger are errors that it reports.
func preflight(dir string, o badger.Options) (floor uint64, err error) {
	files, err := listFiles(dir)
	if err != nil {
		return 0, err
	}
	floor, err = readFloor(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && files.empty():
		return 0, writeFloor(dir, 0)
	case errors.Is(err, fs.ErrNotExist):
		return 0, damaged("%s is missing", floorFile)
	case err != nil:
		return 0, err
	}
	if !files.manifest && !files.empty() {
		// Badger would begin a new MANIFEST and delete every table.
		return 0, damaged("%s is missing", badger.ManifestFilename)
	}
	if err := checkManifest(dir, o, files.manifest); err != nil {
		return 0, err
	}
	if err := checkLogs(dir, files); err != nil {
		return 0, err
	}
	return floor, checkDiscard(filepath.Join(dir, "DISCARD"))
}

// badgerFiles is what lies in a directory.
type badgerFiles struct {
	memTables []uint32 // numbers of the write-ahead logs, ascending
	valueLogs []uint32 // numbers, ascending
	manifest  bool
	others    int // tables and the key registry
}

func (f badgerFiles) empty() bool {
	return len(f.memTables)+len(f.valueLogs)+f.others == 0 && !f.manifest
}

func listFiles(dir string) (badgerFiles, error) {
	var files badgerFiles
	entries, err := os.ReadDir(dir)
	if err != nil {
		return files, fmt.Errorf("list checkpoint directory: %w", err)
	}
	for _, e := range entries {
		stem, kind, _ := strings.Cut(e.Name(), ".")
		number, numberErr := strconv.ParseUint(stem, 10, 32)
		switch {
		case kind == "mem" && numberErr == nil:
			files.memTables = append(files.memTables, uint32(number))
		case kind == "vlog" && numberErr == nil:
			files.valueLogs = append(files.valueLogs, uint32(number))
		case kind == "sst" && numberErr == nil, e.Name() == badger.KeyRegistryFileName:
			files.others++
		case e.Name() == badger.ManifestFilename:
			files.manifest = true
		}
	}
	slices.Sort(files.memTables)
	slices.Sort(files.valueLogs)
	return files, nil
}

func memTablePath(dir string, number uint32) string {
	return filepath.Join(dir, fmt.Sprintf("%05d.mem", number))
}

func valueLogPath(dir string, number uint32) string {
	return filepath.Join(dir, fmt.Sprintf("%06d.vlog", number))
}

// checkManifest replays the MANIFEST strictly and verifies the tables in it.
// Badger itself takes a record that seems to reach past the end for the trace
// of a crash, drops all from there on, and deletes the tables they named.
func checkManifest(dir string, o badger.Options, present bool) error {
	if !present {
		return nil
	}
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if err != nil {
		return fmt.Errorf("open manifest: %w", err)
	}
	defer f.Close()
	manifest, end, err := badger.ReplayManifestFile(f, o.ExternalMagicVersion, o)
	if err != nil {
		return classify("replay manifest", err)
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at manifest: %w", err)
	}
	if end != info.Size() {
		return damaged("manifest ends at %d of %d bytes", end, info.Size())
	}
	for id, table := range manifest.Tables {
		if table.KeyID != 0 || table.Compression != 0 || int(table.Level) >= o.MaxLevels {
			return damaged("manifest names table %d with settings never used", id)
		}
		if err := verifyTable(filepath.Join(dir, fmt.Sprintf("%06d.sst", id))); err != nil {
			return err
		}
	}
	return nil
}

// checkDiscard removes Badger's statistics of the value log if they make no
// sense: the choice of a file to collect would never end on them. Compactions
// count again.
func checkDiscard(path string) error {
	const slot, sizeUnit = 16, 1 << 20
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read discard statistics: %w", err)
	}
	sane := len(b) > 0 && len(b)%sizeUnit == 0
	for at := 0; sane && at < len(b); at += slot {
		file, size := binary.BigEndian.Uint64(b[at:]), binary.BigEndian.Uint64(b[at+8:])
		if file == 0 {
			return nil
		}
		sane = file < 1<<31 && size < 1<<40
	}
	if sane {
		return nil
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove discard statistics: %w", err)
	}
	return nil
}
