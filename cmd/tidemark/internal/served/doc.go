// Package served runs the built binary for the tests beside it: it builds it,
// starts it on a data directory, waits until it listens or is ready, ends it and
// starts it again, and keeps what it says. Tests speak to it over HTTP by
// themselves, as clients of their own kind; what they hold it to is theirs.
package served
