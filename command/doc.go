// Package command is the write side: one file per noun, with what a caller may
// ask, how that is validated, who may ask it, and the events that follow.
//
// A command's way: decode and validate (http side of each file) → wait for
// what the node itself has acknowledged, where state is judged → look for a
// remembered outcome of its Idempotency-Key → check state → encode its events
// as one entry of a record batch → commit, which returns when it is durable →
// wait for the fold where an outcome is asked for → answer.
//
// Checks against the read model only spare the log what is plainly wrong: the
// fold decides outcomes, and is right where two commands cross. Counting is
// the projector's, HTTP conventions are api's, and the log is events/log's.
package command
