package result

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Run is one run of the benchmark, or several of the same machine and settings
// that were joined: each part has measured scenarios of its own.
type Run struct {
	Machine Machine `json:"machine"`
	Go      string  `json:"go"`
	// Settings are what all subjects were run with, such as GOGC.
	Settings map[string]string `json:"settings"`
	Parts    []Part            `json:"parts"`
	Rows     []Row             `json:"rows"`
	Ratios   []Ratio           `json:"ratios"`
}

// Part is one call of the benchmark.
type Part struct {
	// Scenarios are those that this part has measured, and no later one.
	Scenarios []string  `json:"scenarios"`
	Date      time.Time `json:"date"`
	// Commit is that of the product's working copy, with "+modified" where it
	// has changes.
	Commit string `json:"commit"`
	// Size is full, quick or smoke; Rounds is how many times each subject was
	// measured, at most.
	Size   string `json:"size"`
	Rounds int    `json:"rounds"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
	// Missing names what was not measured, and what to do about it.
	Missing []string `json:"missing,omitempty"`
	// Failed are the scenarios that were to be measured and could not.
	Failed []Failure `json:"failed,omitempty"`
}

// Failure says why a scenario has no rows: a wrong answer, or a server that
// could not be measured.
type Failure struct {
	Scenario string `json:"scenario"`
	Error    string `json:"error"`
}

// Machine is where a run took place.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes"`
	Kernel string `json:"kernel"`
	System string `json:"system"`
	// Fsync is the median time of an fsync in the directory of the data, ms; it
	// differs from one part to the next, and is that of the last.
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
