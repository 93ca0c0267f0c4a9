// Package intake is the way in from an existing application: it reads the rows
// of the application's own tables in Postgres, once (Import) or as they change
// (Capture), and hands over the events that follow from them by a mapping. The
// application's code need not change.
//
// What a row means is package mapping's; how the events get to the log is the
// Sink's, which the caller gives: the command tidemark sends them through the
// public API, so that they are judged like everybody's.
//
// # Import
//
// One read-only transaction sees all tables at one moment. Rows stream through;
// memory does not grow with their number. A row that fits no event is reported
// and left out. An import may be repeated: what is in counts as a duplicate, a view
// as long as the service remembers its identity. It
// says nothing of rows that are gone since the one before; only changes do.
//
// # Capture
//
//	no slot ──► create publication and slot ──► import at the slot's snapshot ─┐
//	slot, import unfinished ──► import at a new snapshot ──────────────────────┤
//	slot, entries were added ──► import of those at a new snapshot ────────────┤
//	slot, import finished ─────────────────────────────────────────────────────┴─► follow from the slot's position
//
// The slot keeps every change from the moment on that the import saw, so nothing
// falls between the two. An import that was cut short is done again with the old
// slot: changes since then are in the new snapshot and come again from the slot,
// and both say the same in the end. Postgres hears that a change is done when its
// events are durable, never before: it tells again what may be lost, and the
// counters know it already.
//
// Changes are sent in the order of their commits, one call at a time. The time of a
// pair is that of the commit, and never before that of an earlier commit, although
// a server's clock may step back: State keeps the greatest.
package intake
