// Package folding runs the product's projector over the event log of a data
// directory, in this process: what the service does at its start and while it
// lives, without HTTP. It takes the time, checks that every event was folded, and
// leaves the read model to whoever measures it.
package folding
