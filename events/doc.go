// Package events is the vocabulary of the event log: typed IDs, positions,
// event types, their binary encoding and its versions, the record batch, and
// the CloudEvents form in which the outside speaks of the same events.
//
// It knows what an event looks like and when one is well formed. What events
// mean is the projector's; how they get into the log and out of it is events/log's.
package events
