// Package archivetest starts real PostgreSQL servers for tests: the server's own
// binaries, each server in a directory of its own, on a unix socket that nobody
// else finds. It can stop them as gently or as roughly as a test wants, start
// them again, and put them on a file system that is soon full.
//
// Nothing of it is in the product's binary.
package archivetest
