package pgoutput

import "time"

// LSN is a place in Postgres' write-ahead log.
type LSN uint64

// Message is one of the types below.
type Message any

// Begin opens a transaction. All its changes follow, then its Commit.
type Begin struct {
	// Final is the place of the commit.
	Final LSN
	// Time is that of the commit, by the server's clock.
	Time time.Time
	XID  uint32
}

// Commit closes a transaction.
type Commit struct {
	At, End LSN
	Time    time.Time
}

// Relation describes a table, before its first change and after each change of it.
type Relation struct {
	ID           uint32
	Schema, Name string
	// Identity is what changes tell of old rows: 'd' the primary key, 'f' all, 'i'
	// an index, 'n' nothing.
	Identity byte
	Columns  []Column
}

// Column is a column of a table.
type Column struct {
	Name string
	// Key: old rows have it, with any identity.
	Key bool
}

// Insert, Update and Delete are changes of one row.
type (
	Insert struct {
		Relation uint32
		New      Tuple
	}
	Update struct {
		Relation uint32
		// Old is nil unless the row's identity changed, or the table's is full.
		Old     Tuple
		KeyOnly bool // Old holds the key's columns only, and null for the others
		New     Tuple
	}
	Delete struct {
		Relation uint32
		Old      Tuple
		KeyOnly  bool
	}
)

// Truncate empties tables.
type Truncate struct{ Relations []uint32 }

// Other is a message that says nothing about rows: a type, an origin, or what an
// application wrote into the log. Kind is its first byte.
type Other struct{ Kind byte }

// Tuple is the values of a row, in the order of the relation's columns.
type Tuple []Value

// Value is one column's. Text aliases the message.
type Value struct {
	Text []byte
	Null bool
	// Unchanged: a large value that did not change is not told.
	Unchanged bool
}
