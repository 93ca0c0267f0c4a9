package query

import (
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// ReplayStatus is the document of GET /v1/admin/replay/status.
type ReplayStatus struct {
	Log         LogStatus        `json:"log"`
	Folded      FoldStatus       `json:"folded"`
	Model       ModelStatus      `json:"model"`
	Checkpoint  CheckpointStatus `json:"checkpoint"`
	Snapshots   []SnapshotStatus `json:"snapshots"`
	DeadLetters DeadLetterStatus `json:"dead_letters"`
	Archive     *ArchiveStatus   `json:"archive,omitempty"`
	Retention   *RetentionStatus `json:"retention,omitempty"`
	Runs        []replay.Run     `json:"runs"`
}

// LogStatus is where the event log stands.
type LogStatus struct {
	Incarnation   string     `json:"incarnation"`
	Embedded      bool       `json:"embedded"`
	FirstSequence uint64     `json:"first_sequence"`
	LastSequence  uint64     `json:"last_sequence"`
	Lineage       []Ancestor `json:"lineage"`
	// Needs says who may want which messages again, who needs most of them first: the
	// log must keep these.
	Needs []projector.Need `json:"needs"`
	// Fault says why the log does not answer; then the sequences are what was
	// last known of it, and the first is 0.
	Fault string `json:"fault,omitempty"`
}

// ArchiveStatus is how far the archive is that this process writes.
type ArchiveStatus struct {
	Sequence    uint64 `json:"sequence"`
	LagMessages uint64 `json:"lag_messages"`
	// Fault says why it does not go on.
	Fault string `json:"fault,omitempty"`
	// Rejudge is there while it is judged anew.
	Rejudge *RejudgeStatus `json:"rejudge,omitempty"`
}

// RejudgeStatus is how far the archive is judged anew, since another fold serves than
// the one that judged.
type RejudgeStatus struct {
	Sequence     uint64 `json:"sequence"`
	LastSequence uint64 `json:"last_sequence"`
	// Fault says why it does not go on.
	Fault string `json:"fault,omitempty"`
}

// RetentionStatus is who keeps messages in the log that this process trims, as of its
// last look.
type RetentionStatus struct {
	KeepSeconds     float64 `json:"keep_seconds"`
	TrimmedMessages uint64  `json:"trimmed_messages"`
	// HeldFrom is the first message that is kept, HeldBy the kind of who keeps it, and Why
	// says it to people. HeldBy is empty before the first look.
	HeldFrom uint64 `json:"held_from_sequence"`
	HeldBy   string `json:"held_by,omitempty"`
	Why      string `json:"why,omitempty"`
	// Fault says why the last look came to no end.
	Fault string `json:"fault,omitempty"`
}

// Ancestor is an incarnation that the log had before, and its last message.
type Ancestor struct {
	Incarnation  string `json:"incarnation"`
	LastSequence uint64 `json:"last_sequence"`
}

// FoldStatus is how far the log is folded.
type FoldStatus struct {
	Position   string  `json:"position"`
	Sequence   uint64  `json:"sequence"`
	Index      uint16  `json:"index"`
	Events     uint64  `json:"events"`
	LogTime    string  `json:"log_time,omitempty"`
	LagEvents  int64   `json:"lag_events"`
	LagSeconds float64 `json:"lag_seconds"`
	// Fault says why the service is not ready, or the fold has stopped.
	Fault string `json:"fault,omitempty"`
}

// ModelStatus says how much the read model holds.
type ModelStatus struct {
	Generation uint32 `json:"generation"`
	Videos     int    `json:"videos"`
	Users      int    `json:"users"`
	Likes      int    `json:"likes"`
	Identities int    `json:"identities"`
	Rebuilds   int64  `json:"rebuilds"`
}

// CheckpointStatus is where the newest checkpoint stands.
type CheckpointStatus struct {
	// Model is the directory of the model that serves, Previous of the one that served
	// before and is kept, Rebuilding of one under way or waiting to be accepted, and Next of
	// the one that the next start takes.
	Model      string `json:"model,omitempty"`
	Previous   string `json:"previous,omitempty"`
	Rebuilding string `json:"rebuilding,omitempty"`
	Next       string `json:"next,omitempty"`
	Sequence   uint64 `json:"sequence"`
	// SavedAt is told of a stopped service, which has not counted the rest.
	SavedAt   string  `json:"saved_at,omitempty"`
	Written   int64   `json:"written"`
	Failed    int64   `json:"failed"`
	Postponed int64   `json:"postponed"`
	Seconds   float64 `json:"seconds"`
}

// SnapshotStatus is a checkpoint that is kept.
type SnapshotStatus struct {
	Sequence uint64 `json:"sequence"`
	LogTime  string `json:"log_time"`
	SavedAt  string `json:"saved_at"`
	Bytes    int64  `json:"bytes"`
	Digest   string `json:"digest"`
	// VerifiedAt is when all of it was read last and had its digest.
	VerifiedAt string `json:"verified_at,omitempty"`
	// ComparedAt is when the model that it was taken of had been compared with the log.
	ComparedAt string `json:"compared_at,omitempty"`
	// Distrusted says why nobody begins with it.
	Distrusted string `json:"distrusted,omitempty"`
	// Fault says why it has not held when it was read last.
	Fault string `json:"fault,omitempty"`
}

// DeadLetterStatus says how many dead letters there are.
type DeadLetterStatus struct {
	Count int `json:"count"`
	// More: there are more than were counted.
	More   bool   `json:"more"`
	Oldest string `json:"oldest,omitempty"`
}

// SetFolded fills in how far the log is folded, and what is in the read model.
func (d *ReplayStatus) SetFolded(s *readmodel.Snapshot) (err error) {
	d.Folded.Position, d.Folded.Sequence, d.Folded.Index, d.Folded.Events = s.TokenHeader()[0], s.At.Seq, s.At.Index, s.Folded
	if s.LogTime != 0 {
		d.Folded.LogTime = s.LogTime.String()
	}
	d.Model.Generation, d.Model.Videos, d.Model.Users = s.Generation(), s.Sizes.Videos, s.Sizes.Users
	d.Model.Likes, d.Model.Identities = s.Sizes.Likes, s.Sizes.Identities
	letters, err := s.DeadLetters(events.Position{}, countedDeadLetters+1)
	if err != nil || len(letters) == 0 {
		return err
	}
	d.DeadLetters = DeadLetterStatus{
		Count: min(len(letters), countedDeadLetters), More: len(letters) > countedDeadLetters, Oldest: letters[0].Position.String(),
	}
	return nil
}

// SetModels fills in which models and snapshots a directory of models holds.
func (d *ReplayStatus) SetModels(dir string) error {
	names, err := projector.ListModels(dir)
	if err != nil {
		return fmt.Errorf("list the read models: %w", err)
	}
	c := &d.Checkpoint
	c.Model, c.Previous, c.Rebuilding, c.Next = names.Current, names.Previous, names.Rebuilding, names.Next
	list, err := projector.ListSnapshots(projector.SnapshotsDir(dir))
	if err != nil {
		return err
	}
	d.Snapshots = make([]SnapshotStatus, len(list))
	for i := range list {
		s := &list[i]
		told := SnapshotStatus{Sequence: s.Seq, LogTime: rfc3339(s.LogTime), SavedAt: rfc3339(s.SavedAt), Digest: s.Digest, Fault: s.Fault}
		if !s.VerifiedAt.IsZero() {
			told.VerifiedAt = rfc3339(s.VerifiedAt)
		}
		if told.Distrusted = s.Distrusted; !s.ComparedAt.IsZero() {
			told.ComparedAt = rfc3339(s.ComparedAt)
		}
		if told.Bytes, err = s.Bytes(); err != nil {
			return fmt.Errorf("measure a snapshot: %w", err)
		}
		d.Snapshots[i] = told
	}
	return nil
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// SetLog fills in where the log stands. With a fault, which says why it does not answer, last
// is what was last known.
func (d *ReplayStatus) SetLog(l Log, first, last uint64, fault error) {
	d.Log = LogStatus{Incarnation: l.Incarnation().String(), Embedded: l.Embedded(), FirstSequence: first, LastSequence: last, Lineage: []Ancestor{}}
	if fault != nil {
		d.Log.Fault = fault.Error()
		_, d.Log.LastSequence = l.Contact()
	}
	for _, a := range l.Lineage() {
		d.Log.Lineage = append(d.Log.Lineage, Ancestor{a.Incarnation.String(), a.Last})
	}
}

// countedDeadLetters bounds how many dead letters the status counts.
const countedDeadLetters = 10_000
