// Package query answers the queries of the public contract from the local read
// model: batch metadata (the path that the product exists for), trending, jobs,
// notifications, blocks, the audit, and the position. One file per noun.
//
// Every answer is read in the same order: decode and judge the request, settle
// (wait for Tidemark-After), take the read model's snapshot, and only then read
// counters. The snapshot is the floor of the answer's position: whatever
// changes later than it is told again by a since poll. The ceiling is the
// highest position seen in the answer: what Tidemark-After must wait for. With
// one bound for both, a since poll would miss changes that the fold made
// between the two reads.
//
// Nothing here waits for the log, writes, or keeps state of its own, apart from
// the ranking of trending videos, which is kept for up to a second.
//
// HTTP conventions are package api's, tables are projector/readmodel's.
package query
