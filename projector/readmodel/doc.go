// Package readmodel holds what the log adds up to: the counters of every
// video, likes, comments, jobs, notifications, blocks, trending windows, and
// what is remembered so that nothing counts twice. One file per view; each has
// the operations by which the fold changes it and the ways to read it.
//
// Two kinds of memory lie beneath. Counters, likes and identities are flat
// tables; counters are read without locks while the fold writes. Everything
// else is rows, an ordered map above the last checkpoint, of which every record
// batch publishes an immutable view.
//
// The package knows positions and times, and no log, no clock and no disk: the
// projector drives it, projector/checkpoint keeps it.
package readmodel
