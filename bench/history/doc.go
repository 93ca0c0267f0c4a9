// Package history writes event logs of known content into data directories, as
// the service itself would have written them, at the speed of the disk: so that a
// replay of 10 million events or a start with 10 million videos can be measured
// without hours of preparation. What is in a history follows from its number
// alone. It also names the videos, users and other things in it.
package history
