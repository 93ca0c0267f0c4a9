// Package pgoutput reads the messages of Postgres' built-in plug-in for logical
// replication, protocol version 1 (PostgreSQL documentation, "Logical Replication
// Message Formats"). It keeps no state and knows no connection: what a stream of
// them means is package intake's.
package pgoutput
