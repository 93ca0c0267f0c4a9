// Package mapping says what the rows of an application's tables mean to
// tidemark: which become videos, likes, comments and so on, and how their
// columns become the members of events. It is written as a file in YAML, and
// read here strictly.
//
// A row is there, or it is not: it was deleted, or its columns do not fulfil the
// entry's conditions (a soft delete). Plan.Present and Plan.Absent say which
// events follow. Both ways in use them, so that what an import makes of a row is
// what a change of that row makes of it: package intake reads all rows there are
// and follows their changes. Reading from Postgres is its part, sending
// the events that of whoever runs them.
//
// # Identity
//
// IDs of tidemark are UUIDs. A key that is none becomes one of version 5, made
// of the mapping's namespace and "kind:key", such as "video:42", so that any part
// of the application can make the same one. What has a natural key is counted once
// for ever; everything else carries an identity that the row, or the place of its
// change in Postgres' log, determines. So an import and a stream of changes may be
// repeated.
//
// # Versions
//
// Of two events on one pair (a like, a block) the later time wins. An import gives
// a pair the time of its row, but none after its snapshot; a change gives it the
// time of its commit, whatever the row says. So a change wins over every
// import that it follows, and changes win over each other in the order of commits.
package mapping
