// Package process runs the servers that are measured: it starts a binary, waits
// until it is ready, and tells the processor time and the memory of exactly
// that process and its children. Tidemark, the peers' HTTP program, redis-server
// and PostgreSQL each have a file that says how they are configured. What is
// sent to them is the business of others.
//
// It reads /proc, so it runs on Linux only.
package process
