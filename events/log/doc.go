// Package log is the one door to NATS: it opens the event log (an embedded
// JetStream, or one outside), writes record batches to it with group commit,
// reads it by position, and keeps dead letters. Nobody else imports NATS.
//
// What lies in a message is not known here: package events encodes and decodes
// entries, the projector says what they mean, and what is a dead letter.
//
// # The log
//
// One stream, tidemark-events, holds record batches: messages of up to 1,000
// events that are fsynced before they are acknowledged. Its sequence numbers
// are positions only together with the log's incarnation, a random name in the
// stream's metadata that is made with the stream. The stream's creation time
// would not do: it survives a restore. A log that was restored or moved is
// adopted: it gets a new incarnation, and keeps those that it had before, each with
// the last sequence that was written under it, as its lineage.
//
// # Writing
//
// A Writer has one record batch in flight. What queues up meanwhile is the next
// batch, so there is no timer: alone, a caller waits for one fsync; in a crowd
// everyone shares one.
//
//	Commit ─► queue ─► take ─► publish ──ack──► callers are told their positions
//	           │                  │  ▲
//	  ErrBusy, withdrawn          ▼  │ absent: the same batch ID again
//	                            resolve: is our batch ID behind the expected
//	                                     sequence? found: stored
//
// The queue has two lanes, small entries and large ones, which lead batches in
// turn: what a person does waits for no more than the batch in flight, however
// many importers there are.
//
// Each publish names the sequence that it expects to be the last. So an attempt
// that was believed lost and arrives later is refused by the server, and the
// batch cannot be stored twice, whether or not the server still remembers its
// message ID. Only positive knowledge counts: an attempt is repeated after every
// message behind the expected sequence has been read and is somebody else's.
//
// # Reading
//
// Read owns its cursor and trusts no consumer: a consumer jumps silently over
// a message that a flipped byte has made unreadable, stalls, or is deleted.
// Each step of the sequence must be +1. Where it is not, the message in between
// is asked for by its number, and the answer decides: the consumer lost it (a
// new consumer starts at the cursor), it was trimmed (GapError), or nobody can
// read it any more (UnreadableError).
//
// A reader asks its consumer for messages by pull requests of its own, as many as
// it takes in two milliseconds: one at full speed for half of what may be on its
// way, one that is held to a rate for a few, which the server then finds between
// other work.
package log
