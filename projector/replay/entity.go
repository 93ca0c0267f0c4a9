package replay

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tidemark-io/tidemark/events"
)

// EntityKind is a kind of what a question may be about.
type EntityKind string

// The kinds.
const (
	KindVideo EntityKind = "video"
	KindJob   EntityKind = "job"
	KindUser  EntityKind = "user"
)

// Entity is what a question is about: a video, a job or a user.
type Entity struct {
	Kind EntityKind
	ID   [16]byte
}

// ErrEntity is returned for text that names no entity.
var ErrEntity = errors.New("names nothing: write video:ID, job:ID or user:ID, with a UUID for ID")

// Video returns the video as an entity.
func Video(id events.VideoID) Entity { return Entity{KindVideo, id} }

// Job returns the job as an entity.
func Job(id events.JobID) Entity { return Entity{KindJob, id} }

// User returns the user as an entity.
func User(id events.UserID) Entity { return Entity{KindUser, id} }

// ParseEntity reads "video:ID", "job:ID" or "user:ID".
func ParseEntity(text string) (Entity, error) {
	kind, id, _ := strings.Cut(text, ":")
	e := Entity{Kind: EntityKind(kind)}
	switch e.Kind {
	case KindVideo, KindJob, KindUser:
		if events.ParseUUID(&e.ID, id) {
			return e, nil
		}
	}
	return Entity{}, fmt.Errorf("%.60q %w", text, ErrEntity)
}

// String returns the entity as ParseEntity reads it.
func (e Entity) String() string { return string(e.Kind) + ":" + events.VideoID(e.ID).String() }

// MarshalText writes the entity as String does.
func (e Entity) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what ParseEntity reads.
func (e *Entity) UnmarshalText(text []byte) (err error) {
	*e, err = ParseEntity(string(text))
	return err
}
