package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tidemark-io/tidemark/projector/replay"
)

type replayVerifyCmd struct {
	adminFlags  `embed:""`
	foldFlags   `embed:""`
	Archive     bool          `help:"Compare the archive with the log too, row by row, and fold its messages in place of the log's."`
	ArchiveWait time.Duration `placeholder:"DURATION" help:"How long to wait for an archive that is behind, in whole seconds; 30s if it is left out."`
}

// Validate refuses what would not be heeded.
func (v *replayVerifyCmd) Validate() error {
	switch {
	case v.ArchiveWait != 0 && !v.Archive:
		return errors.New("--archive-wait says how long to wait for the archive: give --archive too, or leave it out")
	case v.ArchiveWait != 0 && v.ArchiveWait < time.Second:
		return errors.New("--archive-wait is in whole seconds: give at least 1s")
	}
	return errors.Join(v.foldFlags.check(), v.adminFlags.Validate())
}

// Run compares, and ends with an error where something differs.
func (v *replayVerifyCmd) Run(ctx context.Context) error {
	client, err := v.client()
	if err != nil {
		return err
	}
	body := v.body()
	if v.Archive {
		body["archive"] = true
	}
	if v.ArchiveWait != 0 {
		body["archive_wait_seconds"] = int(v.ArchiveWait.Seconds())
	}
	ended, err := client.start(ctx, "verify", body, v.Detach)
	if err != nil {
		return err
	}
	result := &replay.VerifyResult{}
	failure := ended.ended(result)
	if err := v.printed(ended, func(w io.Writer) { writeVerified(w, ended, result) }); err != nil || failure != nil {
		return firstError(err, failure)
	}
	switch {
	case result.Differences.Count > 0:
		return errDifferences
	case result.Archive != nil && result.Archive.Count > 0:
		return errArchiveDiffers
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func writeVerified(w io.Writer, r *adminRun, result *replay.VerifyResult) {
	rows(w, "run", fmt.Sprintf("%s %s %s", r.ID, r.Kind, r.State))
	if r.State != replay.StateDone {
		return
	}
	writeBase(w, result.Base)
	rows(w, "folded", fmt.Sprintf("messages %d to %d, %d events in %.3f s", result.First, result.Last, result.Events, result.Seconds),
		"compared", fmt.Sprintf("%d buckets", result.Buckets))
	writeDifferences(w, &result.Differences)
	if result.Archive != nil {
		writeArchive(w, result.Archive)
	}
}

// shownRows bounds what is printed of wrong rows; --json has more.
const shownRows = 20

func writeArchive(w io.Writer, a *replay.ArchiveResult) {
	rows(w, "archive", fmt.Sprintf("messages up to %d, %d rows; %d are not what the log says", a.Last, a.Rows, a.Count))
	for _, d := range a.Differences[:min(len(a.Differences), shownRows)] {
		rows(w, "", fmt.Sprintf("%s %s: %s", d.Table, d.At, d.What))
	}
}

type replayRepairCmd struct {
	adminFlags `embed:""`
	foldFlags  `embed:""`
	Reason     string `required:"" help:"Why, for the audit."`
}

// Validate refuses what cannot be meant.
func (p *replayRepairCmd) Validate() error {
	return errors.Join(p.foldFlags.check(), p.adminFlags.Validate())
}

// Run rewrites what differs.
func (p *replayRepairCmd) Run(ctx context.Context) error {
	client, err := p.client()
	if err != nil {
		return err
	}
	body := p.body()
	body["reason"] = p.Reason
	ended, err := client.start(ctx, "repair", body, p.Detach)
	if err != nil {
		return err
	}
	result := &replay.RepairResult{}
	failure := ended.ended(result)
	err = p.printed(ended, func(w io.Writer) {
		writeVerified(w, ended, &result.VerifyResult)
		if ended.State == replay.StateDone {
			repaired := fmt.Sprintf("%d keys", result.Repaired)
			if result.Generation > 0 {
				repaired += fmt.Sprintf("; generation %d", result.Generation)
			}
			rows(w, "repaired", repaired)
		}
	})
	return firstError(err, failure)
}
