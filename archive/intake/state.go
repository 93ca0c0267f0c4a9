package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/tidemark-io/tidemark/archive/intake/pgoutput"
	"github.com/tidemark-io/tidemark/durable"
	"github.com/tidemark-io/tidemark/events"
)

// State is what a capture remembers beside what its slot does. It may be lost:
// then the import is done again, and nothing counts twice.
type State struct {
	// Slot and System name the slot and the database cluster that it is in.
	Slot   string `json:"slot"`
	System string `json:"system"`
	// Imported: the import is finished.
	Imported bool `json:"imported"`
	// Tables holds the OIDs of the tables that are imported, by the names that the
	// mapping has for them.
	Tables map[string]uint32 `json:"tables"`
	// Entries names the entries of the mapping that are imported, each by all its names.
	Entries []string `json:"entries"`
	// Done is the end of the last commit all of whose events are durable.
	Done pgoutput.LSN `json:"done"`
	// Latest is the greatest time of a commit so far, by the clock of Postgres.
	Latest events.Time `json:"latest"`
	// Given is the greatest time that a commit was given so far. It stays where the
	// clock here goes back.
	Given events.Time `json:"given"`
}

// readState reads a file; one that is not there is the zero state.
func readState(path string) (s State, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return s, fmt.Errorf("read the state of the capture from %s: %w; remove the file to import anew", path, err)
	}
	return s, nil
}

// write replaces the file, durably and as a whole.
func (s State) write(path string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(path, append(data, '\n')); err != nil {
		return fmt.Errorf("write the state of the capture: %w", err)
	}
	return nil
}
