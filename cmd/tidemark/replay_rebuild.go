package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/tidemark-io/tidemark/projector/replay"
)

// foldFlags say how a run folds the log beside the serving read model.
type foldFlags struct {
	Throttle     int      `placeholder:"EVENTS" help:"Fold at most so many events a second; without it at full speed."`
	FromExport   []string `placeholder:"DIR" help:"Read this export before the log, in place of what that has forgotten: a directory beneath the service's --export-dir, or with --offline any. May be repeated."`
	FromSnapshot bool     `help:"Begin with the nearest snapshot, and not with the log's beginning; that is done in any case where the log does not hold it."`
	OnDisk       bool     `help:"Fold on disk, with little memory."`
	Detach       bool     `help:"Begin the run and do not wait for its end."`
}

// check refuses what cannot be meant.
func (f *foldFlags) check() error {
	if f.Throttle < 0 {
		return errors.New("--throttle is how many events a second are folded at the most: give 1 or more, or leave it out")
	}
	return nil
}

// given names the flags that were given, of those that say how the log is folded.
func (f *foldFlags) given() []string {
	return flagsGiven("--throttle", f.Throttle != 0, "--from-snapshot", f.FromSnapshot, "--from-export", len(f.FromExport) > 0, "--on-disk", f.OnDisk)
}

// flagsGiven returns the names whose condition, the next argument, holds.
func flagsGiven(pairs ...any) (names []string) {
	for ; len(pairs) > 0; pairs = pairs[2:] {
		if pairs[1].(bool) {
			names = append(names, pairs[0].(string))
		}
	}
	return names
}

// body is what the flags say in a request.
func (f *foldFlags) body() map[string]any {
	body := map[string]any{}
	if f.Throttle > 0 {
		body["events_per_second"] = f.Throttle
	}
	if f.FromSnapshot {
		body["from_snapshot"] = true
	}
	if len(f.FromExport) > 0 {
		body["from_export"] = f.exports()
	}
	if f.OnDisk {
		body["on_disk"] = true
	}
	return body
}

// exports names the exports as the service finds them: one that is in this directory
// by its whole path.
func (f *foldFlags) exports() []string {
	names := slices.Clone(f.FromExport)
	for i, name := range names {
		if whole, err := filepath.Abs(name); err == nil {
			if whole, err = filepath.EvalSymlinks(whole); err == nil {
				names[i] = whole
			}
		}
	}
	return names
}

type replayRebuildCmd struct {
	lookFlags   `embed:""`
	foldFlags   `embed:""`
	reportFlags `embed:""`
	Reason      string `help:"Why, for the audit; a report needs none."`
	Accept      bool   `help:"Switch although the rebuilt read model differs from the serving one."`
	Hold        bool   `help:"Rebuild and compare, and do not switch; --switch does that later."`
	Fresh       bool   `help:"Begin anew where a rebuild was begun before and did not get to its end."`
	Switch      bool   `xor:"what" help:"Do not rebuild: switch to the read model that was held back, or differed (with --accept)."`
	Rollback    bool   `xor:"what" help:"Do not rebuild: go back to the read model that served before the last switch."`
	Discard     bool   `xor:"what" help:"Do not rebuild: give up and remove the read model that was held back, differed, was not finished, or waits for the next start."`
	Previous    bool   `help:"With --discard: give up the read model that served before the last switch, and with it the way back."`
}

// takes are the flags that each thing but a rebuild heeds, of those that say how.
var takes = map[string][]string{
	"a report (--until, --only, --exclude-users)": {"--from-export", "--on-disk", "--limit"},
	"--dry-run":  {"--throttle", "--from-snapshot", "--from-export", "--on-disk"},
	"--switch":   {"--accept", "--on-disk"},
	"--rollback": {"--on-disk"},
	"--discard":  {"--previous"},
	"a rebuild":  {"--throttle", "--from-snapshot", "--from-export", "--on-disk", "--accept", "--hold", "--fresh"},
}

// unheeded returns an error for the first flag that what is asked for would not heed.
func (r *replayRebuildCmd) unheeded() error {
	what := "a rebuild"
	switch {
	case r.asked():
		what = "a report (--until, --only, --exclude-users)"
	case r.DryRun:
		what = "--dry-run"
	case r.Switch:
		what = "--switch"
	case r.Rollback:
		what = "--rollback"
	case r.Discard:
		what = "--discard"
	}
	given := append(r.given(), flagsGiven("--accept", r.Accept, "--hold", r.Hold, "--fresh", r.Fresh, "--limit", r.Limit != 0, "--previous", r.Previous)...)
	for _, flag := range given {
		if !slices.Contains(takes[what], flag) {
			return fmt.Errorf("%s does not heed %s: leave that out", what, flag)
		}
	}
	if r.Limit < 0 {
		return errors.New("--limit is how many videos are listed: give 1 or more")
	}
	return nil
}

// Validate refuses what does not go together.
func (r *replayRebuildCmd) Validate() error {
	if err := errors.Join(r.unheeded(), r.foldFlags.check()); err != nil {
		return err
	}
	switch {
	case r.asked() && (r.DryRun || r.Switch || r.Rollback || r.Discard || r.Detach):
		return errors.New("--until, --only and --exclude-users make a report, which goes without --dry-run, --switch, --rollback, --discard and --detach")
	case r.DryRun && (r.Switch || r.Rollback || r.Discard):
		return errors.New("--dry-run rebuilds without a switch: it goes without --switch, --rollback and --discard")
	case r.Offline && !r.asked():
		return errors.New("--offline is for reports: a rebuild is the running service's own")
	case r.Reason == "" && !r.asked() && !r.DryRun:
		return errors.New("--reason is missing: the audit keeps why a read model was rebuilt")
	}
	return r.lookFlags.Validate()
}

// Run rebuilds, switches or goes back, or reports.
func (r *replayRebuildCmd) Run(ctx context.Context) error {
	if r.asked() {
		return r.report(ctx, &r.lookFlags, &r.foldFlags)
	}
	if r.DryRun {
		dry := replayVerifyCmd{adminFlags: r.adminFlags, foldFlags: r.foldFlags}
		return dry.Run(ctx)
	}
	client, err := r.client()
	if err != nil {
		return err
	}
	if r.Discard {
		return r.discard(ctx, client)
	}
	kind, body := "rebuild", r.body()
	body["reason"], body["accept"], body["hold"], body["fresh"] = r.Reason, r.Accept, r.Hold, r.Fresh
	switch {
	case r.Switch:
		kind, body = "switch", map[string]any{"reason": r.Reason, "accept": r.Accept, "on_disk": r.OnDisk}
	case r.Rollback:
		kind, body = "rollback", map[string]any{"reason": r.Reason, "on_disk": r.OnDisk}
	}
	ended, err := client.start(ctx, kind, body, r.Detach)
	if err != nil {
		return err
	}
	result := &replay.RebuildResult{}
	failure := ended.ended(result)
	if err := r.printed(ended, func(w io.Writer) { writeRebuilt(w, ended, result) }); err != nil {
		return err
	}
	if failure != nil && result.Differences != nil && result.Differences.Count > 0 {
		return errors.Join(errDifferences, failure)
	}
	return failure
}

// discard gives up what was rebuilt and does not serve.
func (r *replayRebuildCmd) discard(ctx context.Context, client *adminClient) error {
	ended, err := client.start(ctx, "discard", map[string]any{"reason": r.Reason, "previous": r.Previous}, r.Detach)
	if err != nil {
		return err
	}
	result := &replay.DiscardResult{}
	failure := ended.ended(result)
	return errors.Join(r.printed(ended, func(w io.Writer) {
		rows(w, "run", fmt.Sprintf("%s %s %s", ended.ID, ended.Kind, ended.State))
		if ended.State == replay.StateDone {
			rows(w, "discarded", result.Model, "needed", fmt.Sprintf("from message %d on by %s", result.Needed.Seq, result.Needed.Why))
		}
	}), failure)
}

func writeRebuilt(w io.Writer, r *adminRun, result *replay.RebuildResult) {
	rows(w, "run", fmt.Sprintf("%s %s %s", r.ID, r.Kind, r.State))
	if r.State != replay.StateDone && result.Differences == nil {
		return
	}
	writeBase(w, result.Base)
	rows(w, "folded", fmt.Sprintf("%d events in %.3f s into %s", result.Events, result.Seconds, result.Model))
	if result.PeakBytes > 0 {
		rows(w, "memory", fmt.Sprintf("%d MiB at the most", result.PeakBytes>>20))
	}
	equal := "the two read models are equal"
	if !result.Equal {
		equal = "the two read models differ"
	}
	rows(w, "compared", equal)
	if result.Differences != nil {
		writeDifferences(w, result.Differences)
	}
	if result.OnDiskBecause != "" {
		rows(w, "on disk", result.OnDiskBecause)
	}
	switch {
	case result.Switched:
		rows(w, "switched", fmt.Sprintf("generation %d serves in place of %s; the fold stood still for %.6f s", result.Generation, result.Replaced, result.PauseSeconds))
	case result.NextStart:
		rows(w, "switched", fmt.Sprintf("at the next start, which takes %s; the read model of before serves until then", result.Model))
	default:
		rows(w, "switched", "no: the read model of before serves")
	}
}

// writeBase tells what a fold began with, and which snapshots were of no use.
func writeBase(w io.Writer, base *replay.Base) {
	if base == nil {
		return
	}
	rows(w, "begun with", base)
	for _, why := range base.PassedOver {
		rows(w, "passed over", why)
	}
}

// shownDifferences bounds the keys that are printed as text.
const shownDifferences = 100

func writeDifferences(w io.Writer, d *replay.Differences) {
	rows(w, "differences", d.Count)
	for i, key := range d.Keys {
		if i == shownDifferences {
			break
		}
		fmt.Fprintf(w, "  %s %s: is %s, by the log %s\n", key.Kind, key.ID, orNothing(key.Live), orNothing(key.Log))
	}
	if shown := min(len(d.Keys), shownDifferences); d.Count > shown {
		fmt.Fprintf(w, "  and %d more\n", d.Count-shown)
	}
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}
