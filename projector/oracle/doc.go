// Package oracle recounts an event log the plain way: maps, slices and loops,
// written from the contract's table of events. It is what tests hold the
// projector against, and shares no code with the projector's fold: nothing
// here is incremental that can be recounted, nothing is fast, nothing is kept on disk.
//
// It reads record batches with package events, as any consumer of the stream
// does, into its own plain structs; what an event means is decided here a second time.
//
// Two promises of the contract are lower bounds ("at least 7 days", "at least
// 24 h"). The oracle never forgets identities and outcomes, so it agrees with a
// projector as long as a log spans less than the projector's horizons.
package oracle
