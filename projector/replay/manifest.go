package replay

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/tidemark-io/tidemark/durable"
)

// Manifest describes an export: it is its file manifest.json, written anew after
// each part.
type Manifest struct {
	Version     int      `json:"version"`
	Format      Format   `json:"format"`
	Incarnation string   `json:"incarnation"`
	Lineage     string   `json:"lineage,omitempty"`
	Types       []string `json:"types,omitempty"`
	PartBytes   int      `json:"part_bytes"`
	// First and Last are the messages that it covers, and Complete whether all of
	// them are in.
	First    uint64 `json:"first"`
	Last     uint64 `json:"last"`
	Complete bool   `json:"complete"`
	// LeftOut counts the events in the range that could not be written in the
	// format, or were repeats of commands.
	LeftOut uint64 `json:"left_out"`
	Parts   []Part `json:"parts"`
}

// Part is one file of an export.
type Part struct {
	File string `json:"file"`
	// First and Last are the messages that it covers.
	First       uint64    `json:"first"`
	Last        uint64    `json:"last"`
	FirstStored time.Time `json:"first_stored"`
	LastStored  time.Time `json:"last_stored"`
	Events      uint64    `json:"events"`
	LeftOut     uint64    `json:"left_out,omitempty"`
	Bytes       int64     `json:"bytes"`
	SHA256      string    `json:"sha256"`
}

// Events counts the events in all parts.
func (m *Manifest) Events() (n uint64) {
	for i := range m.Parts {
		n += m.Parts[i].Events
	}
	return n
}

func readManifest(dir string, read func(file string) ([]byte, error)) (*Manifest, error) {
	b, err := read(manifestFile)
	if err != nil {
		return nil, fmt.Errorf("read the manifest of an export: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%w: %s of %s is damaged, export into an empty directory: %w", ErrExport, manifestFile, dir, err)
	}
	if m.Version != exportVersion {
		return nil, fmt.Errorf("%w: %s is of version %d, this binary knows %d", ErrExport, dir, m.Version, exportVersion)
	}
	return &m, nil
}

// writeManifest puts the manifest in the place of the one before, durably.
func writeManifest(dir string, m *Manifest) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, manifestFile), append(b, '\n')); err != nil {
		return fmt.Errorf("write the manifest of the export: %w", err)
	}
	return nil
}
