// Package mapped gives out memory that lies in a file: for tables that are
// larger than what memory there is. It is read and written like any memory; the
// kernel brings pages in when they are touched and writes them out when it needs
// room, and Space.Trim bounds how many of them the process holds. The file has no
// name and is gone with the process, so that nothing is left to clear up.
//
// What lies there is not durable, and has no meaning to another process:
// checkpoints are projector/checkpoint's. Memory that is not there yet costs a read of
// the disk, during which the processor's thread waits: it is for folds beside the
// serving model, and not for tables that requests are answered from.
package mapped
