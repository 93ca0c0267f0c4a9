// Package projector folds the event log into the read model and keeps it.
//
// Its life: restoring (read the last checkpoint, check that it fits the log) →
// catching up (fold what the log holds beyond it) → live → draining (a last
// checkpoint). One goroutine folds; a second reads ahead and checks record
// batches; checkpoints are written beside the fold.
//
//	            ┌────────── doubt: rebuild beside it ──────────┐
//	restoring ──┤                                              ├─► catching up ─► live ─► draining
//	            └────────── checkpoint fits the log ───────────┘
//
// The package decides what events mean: the order in which they are folded, what is
// poison, what a command's outcome is. Where things lie in memory is
// projector/readmodel's, how they get to disk projector/checkpoint's, and
// answering anybody is query's.
package projector
