package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// replayCmd is the table of contents of what operators ask of the log and the
// read model.
type replayCmd struct {
	Status      replayStatusCmd      `cmd:"" help:"Show where the log, the fold, the checkpoints and the runs stand."`
	Rebuild     replayRebuildCmd     `cmd:"" help:"Fold the log into a second read model beside the serving one, and switch to it."`
	Verify      replayVerifyCmd      `cmd:"" help:"Compare the serving read model with the log; exit status 3 where they differ."`
	Repair      replayRepairCmd      `cmd:"" help:"Rewrite from the log what verify finds to differ."`
	Explain     replayExplainCmd     `cmd:"" help:"Tell a number by the events behind it: which counted, which did not, and why."`
	At          replayAtCmd          `cmd:"" help:"Show what videos counted at an earlier moment."`
	Diff        replayDiffCmd        `cmd:"" help:"Show how counts moved between two moments, of some videos or of those that moved most."`
	Export      replayExportCmd      `cmd:"" help:"Write the log, or a part of it, into files."`
	Import      replayImportCmd      `cmd:"" help:"Fill an empty log with an export, or send one of events to a service."`
	DeadLetters replayDeadLettersCmd `cmd:"" help:"List, show, redrive and drop what could not be folded."`
	Log         replayLogCmd         `cmd:"" help:"What concerns the event log itself."`
	Runs        replayRunsCmd        `cmd:"" help:"List runs, or follow one."`
	Cancel      replayCancelCmd      `cmd:"" help:"Cancel a run."`
}

// exitDifferences is the status of a command that worked and found that things
// are not what the log says, for cron.
const exitDifferences = 3

// errDifferences and errArchiveDiffers end a command with exitDifferences. What
// differs is printed.
var (
	errDifferences    = errors.New("the read model differs from the log")
	errArchiveDiffers = errors.New("the archive differs from the log: see docs/postgres.md, \"Is it what the log says?\"")
)

// printed writes v as JSON where that is asked for, else by text.
func (a *adminFlags) printed(v any, text func(io.Writer)) error {
	if a.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(v)
	}
	text(os.Stdout)
	return nil
}

// rows writes names and values in two columns.
func rows(w io.Writer, pairs ...any) {
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(w, "%-14s %v\n", pairs[i], pairs[i+1])
	}
}
