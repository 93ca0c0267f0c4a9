package result

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Run is one run of the benchmark.
type Run struct {
	Machine Machine   `json:"machine"`
	Date    time.Time `json:"date"`
	// Commit is that of the product's working copy, with "+modified" where it
	// has changes.
	Commit string `json:"commit"`
	Go     string `json:"go"`
	// Settings are what all subjects were run with, such as GOGC.
	Settings map[string]string `json:"settings"`
	// Rounds is how many times each subject was measured.
	Rounds int `json:"rounds"`
	// Seconds is how long the whole run took.
	Seconds float64 `json:"seconds"`
	// Missing names what was not measured, and what to do about it.
	Missing []string `json:"missing,omitempty"`
	Rows    []Row    `json:"rows"`
	Ratios  []Ratio  `json:"ratios"`
}

// Machine is where a run took place.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes"`
	Kernel string `json:"kernel"`
	System string `json:"system"`
	// Fsync is the median time of an fsync in the directory of the data, ms.
	Fsync float64 `json:"fsync_ms,omitempty"`
}

// Write writes the run to a file as JSON, whole or not at all.
func (r *Run) Write(path string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fmt.Errorf("encode the run: %w", err)
	}
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write the run: %w", err)
	}
	defer os.Remove(part.Name()) // no longer there if all went well
	_, err = part.Write(append(text, '\n'))
	if closed := part.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write the run to %s: %w", path, err)
	}
	return nil
}

// Read reads a run that Write wrote.
func Read(path string) (*Run, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a run: %w", err)
	}
	defer f.Close()
	return decode(f, path)
}

func decode(from io.Reader, name string) (*Run, error) {
	r := new(Run)
	if err := json.NewDecoder(from).Decode(r); err != nil {
		return nil, fmt.Errorf("%s is no run of this benchmark: %w", name, err)
	}
	return r, nil
}
