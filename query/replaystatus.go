package query

import "github.com/tidemark-io/tidemark/projector/replay"

// ReplayStatus is the document of GET /v1/admin/replay/status.
type ReplayStatus struct {
	Log         LogStatus        `json:"log"`
	Folded      FoldStatus       `json:"folded"`
	Model       ModelStatus      `json:"model"`
	Checkpoint  CheckpointStatus `json:"checkpoint"`
	DeadLetters DeadLetterStatus `json:"dead_letters"`
	Runs        []replay.Run     `json:"runs"`
}

// LogStatus is where the event log stands.
type LogStatus struct {
	Incarnation   string     `json:"incarnation"`
	Embedded      bool       `json:"embedded"`
	FirstSequence uint64     `json:"first_sequence"`
	LastSequence  uint64     `json:"last_sequence"`
	Lineage       []Ancestor `json:"lineage"`
	// Fault says why the log does not answer; then the sequences are what was
	// last known of it, and the first is 0.
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
	Sequence  uint64  `json:"sequence"`
	Written   int64   `json:"written"`
	Failed    int64   `json:"failed"`
	Postponed int64   `json:"postponed"`
	Seconds   float64 `json:"seconds"`
}

// DeadLetterStatus says how many dead letters there are.
type DeadLetterStatus struct {
	Count int `json:"count"`
	// More: there are more than were counted.
	More   bool   `json:"more"`
	Oldest string `json:"oldest,omitempty"`
}
