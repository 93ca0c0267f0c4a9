package oracle

import (
	"fmt"

	"github.com/tidemark-io/tidemark/events"
)

// ID is any UUID.
type ID [16]byte

// String returns the canonical text form.
func (id ID) String() string { return events.VideoID(id).String() }

// Pos is a place in the log.
type Pos struct {
	Seq   uint64
	Index int
}

// String returns the position as "sequence.index".
func (p Pos) String() string { return fmt.Sprintf("%d.%d", p.Seq, p.Index) }

func (p Pos) before(q Pos) bool {
	return p.Seq < q.Seq || p.Seq == q.Seq && p.Index < q.Index
}

// Event is an event in plain fields; which of them count depends on the type.
type Event struct {
	Type string // as the contract names it
	// Time is in microseconds since the epoch.
	Time    int64
	Arrival bool
	Source  string // with ID: the identity; both empty for none
	ID      string
	Raw     []byte
	// Bad says that the event cannot be understood.
	Bad bool
	// Out: it is passed over; it takes its place in the log and changes nothing.
	Out bool

	Video, User, Item, Author, Job, Notification, Actor, Blocked, Admin ID

	Reason   string
	Retract  bool
	Baseline string // the source of a baseline
	Values   [5]int64

	Attempt   int64
	Status    string // empty if absent, like the three below
	Progress  *int
	ResultURL *string
	Error     *string

	Category string
	Payload  string
	ReadAll  bool // all, or all of Category
	IDs      []ID
	Before   *int64

	Letter  Pos    // of a mark on a dead letter
	Batch   ID     // of a message that is opened
	Entity  ID     // whose events keep their order; zero for none
	Outcome string // of an operation, whose targets are in IDs
}

// Command is what stands before the events of a command.
type Command struct {
	ID, Request ID
	Kind        string
	Keyed       bool
	Privileged  bool
	Actor       ID
	Time        int64
	Reason      string
}

// Entry is a bare event, or a command with its events.
type Entry struct {
	Command *Command
	Events  []Event
}

// Message is a message of the log.
type Message struct {
	Seq    uint64
	Stored int64 // microseconds
	// Unreadable: it is no record batch of this log.
	Unreadable bool
	Raw        []byte
	// Outside: it came from a producer other than the service.
	Outside bool
	BatchID ID
	Entries []Entry
}
