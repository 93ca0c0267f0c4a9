// Package archiving measures the archive in Postgres: how fast it catches up,
// beside a COPY of the very same rows into tables with the same indexes, and
// beside what the service took in over HTTP in the same round; and what a database that is away costs those who
// send commands and ask queries.
package archiving
