package events

import (
	"encoding/binary"
	"fmt"
)

// CommandKind says what a caller asked for. Its number stands in the log for
// ever; its name is the action in the audit.
type CommandKind uint8

// The command kinds. Numbers are never reused.
const (
	PublishVideo CommandKind = iota + 1
	RecordView
	LikeVideo
	UnlikeVideo
	CreateItem
	DeleteItem
	CreateJob
	UpdateJob
	UpdateJobs
	CancelJob
	SendNotifications
	MarkRead
	BlockUsers
	UnblockUsers
	DeleteVideos
	RestoreVideos
	BlockAccounts
	UnblockAccounts
	IngestEvents
	RedriveDeadLetters
	DropDeadLetters
	AdoptLog
	RebuildReadModel
	SwitchReadModel
	RollBackReadModel
	RepairReadModel
	ImportLog
	DiscardReadModel
	VerifyReadModel
	ExplainCounts
	LookBack
	CompareCounts
	ReportCounts
	ExportLog
	CancelRun
	ShowDeadLetter
	commandKindEnd
)

var commandKindNames = [commandKindEnd]string{
	PublishVideo:       "video.publish",
	RecordView:         "video.view",
	LikeVideo:          "video.like",
	UnlikeVideo:        "video.unlike",
	CreateItem:         "item.create",
	DeleteItem:         "item.delete",
	CreateJob:          "job.create",
	UpdateJob:          "job.update",
	UpdateJobs:         "job.batch-update",
	CancelJob:          "job.cancel",
	SendNotifications:  "notification.send",
	MarkRead:           "notification.mark-read",
	BlockUsers:         "user.block",
	UnblockUsers:       "user.unblock",
	DeleteVideos:       "video.delete",
	RestoreVideos:      "video.restore",
	BlockAccounts:      "account.block",
	UnblockAccounts:    "account.unblock",
	IngestEvents:       "events.ingest",
	RedriveDeadLetters: "dead-letter.redrive",
	DropDeadLetters:    "dead-letter.drop",
	AdoptLog:           "log.adopt",
	RebuildReadModel:   "replay.rebuild",
	SwitchReadModel:    "replay.switch",
	RollBackReadModel:  "replay.rollback",
	RepairReadModel:    "replay.repair",
	ImportLog:          "replay.import",
	DiscardReadModel:   "replay.discard",
	VerifyReadModel:    "replay.verify",
	ExplainCounts:      "replay.explain",
	LookBack:           "replay.at",
	CompareCounts:      "replay.diff",
	ReportCounts:       "replay.report",
	ExportLog:          "replay.export",
	CancelRun:          "replay.cancel",
	ShowDeadLetter:     "dead-letter.show",
}

// Known reports whether the kind is one of this vocabulary.
func (k CommandKind) Known() bool { return k > 0 && k < commandKindEnd }

// Moderates reports whether the command is an administrator's on videos or
// accounts.
func (k CommandKind) Moderates() bool { return k >= DeleteVideos && k <= UnblockAccounts }

// Operates reports whether the command is an operator's on the log or the read
// model.
func (k CommandKind) Operates() bool { return k >= RedriveDeadLetters && k < commandKindEnd }

// Audited reports whether the command is kept for the audit.
func (k CommandKind) Audited() bool { return k.Moderates() || k.Operates() }

// String returns the kind's name, such as "video.delete".
func (k CommandKind) String() string {
	if !k.Known() {
		return fmt.Sprintf("command %d", uint8(k))
	}
	return commandKindNames[k]
}

// ParseCommandKind returns the kind with that name; false where there is none.
func ParseCommandKind[T string | []byte](name T) (CommandKind, bool) {
	for k := CommandKind(1); k.Known(); k++ {
		if commandKindNames[k] == string(name) {
			return k, true
		}
	}
	return 0, false
}

// RequestHash is what tells two requests under one Idempotency-Key apart: the
// first 16 bytes of the SHA-256 of method, path and body.
type RequestHash [16]byte

// Command stands before the events of a command whose outcome is asked for, or
// that is remembered under an Idempotency-Key, or audited.
type Command struct {
	Kind CommandKind
	ID   CommandID
	// Keyed: the caller gave an Idempotency-Key; the outcome is remembered.
	Keyed   bool
	Request RequestHash
	// Actor is the caller; zero if anonymous.
	Actor UserID
	// Privileged: the caller acts as service or admin, not as the owner.
	Privileged bool
	Time       Time
	Reason     []byte
	// Events counts the events that follow and belong to the command.
	Events int
}

// Layout of a command's frame, numbers big-endian:
//
//	0  0x80
//	1  layout version (1)
//	2  flags: bit 0 keyed, bit 1 privileged
//	3  length of what follows this field (2)
//	5  kind (1), time (8), ID (16), request hash (16), actor (16),
//	   events (2), reason length (2), reason
const (
	frameCommand   = 0x80
	commandVersion = 1
	flagKeyed      = 1
	flagPrivileged = 2
)

// AppendCommand appends the frame of a command. Its events must follow.
func AppendCommand(dst []byte, c Command) []byte {
	start := len(dst)
	var flags byte
	if c.Keyed {
		flags |= flagKeyed
	}
	if c.Privileged {
		flags |= flagPrivileged
	}
	dst = append(dst, frameCommand, commandVersion, flags, 0, 0, byte(c.Kind))
	dst = appendUint64(dst, uint64(c.Time))
	dst = append(append(append(dst, c.ID[:]...), c.Request[:]...), c.Actor[:]...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(c.Events))
	dst = appendText(dst, c.Reason)
	binary.BigEndian.PutUint16(dst[start+3:], uint16(len(dst)-start-frameHeaderSize))
	return dst
}

func (c *Command) parse(raw []byte) error {
	r := reader{rest: raw[frameHeaderSize:]}
	*c = Command{Keyed: raw[2]&flagKeyed != 0, Privileged: raw[2]&flagPrivileged != 0}
	c.Kind, c.Time = CommandKind(r.uint8()), Time(r.uint64())
	r.id((*[16]byte)(&c.ID))
	r.id((*[16]byte)(&c.Request))
	r.id((*[16]byte)(&c.Actor))
	c.Events = int(r.uint16())
	c.Reason = r.text()
	if err := r.end(); err != nil || !c.Kind.Known() || raw[1] != commandVersion {
		return fmt.Errorf("%w: command frame of version %d, kind %d", ErrBatchVersion, raw[1], c.Kind)
	}
	return nil
}
