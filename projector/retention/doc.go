// Package retention lets the log forget what is older than a time, once nobody needs it
// any more: the log is the truth, so something else must hold what it forgets. That is the
// archive in Postgres, or a snapshot of the read model that holds, or both.
//
// A message is kept as long as
//
//   - it is not old enough,
//   - a read model may want it again (its checkpoint ends with it, it is being rebuilt),
//   - where snapshots are taken, the newest one that holds does not hold it, and
//   - where there is an archive, that does not have it, or has another one.
//
// In doubt the log keeps what it has. What is decided is decided anew in each cycle, and
// the trim itself is done or not done: a crash in between costs nothing.
//
// How the log trims is package events/log's; what a read model may want again, the
// projector's; how the archive and the snapshots are made, theirs.
package retention
