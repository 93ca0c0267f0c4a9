package events

import "fmt"

// Type says what happened. Its number stands in the log for ever; its name is
// what the outside says.
type Type uint8

// The event types. Numbers are never reused.
const (
	TypeVideoPublished Type = iota + 1
	TypeVideoViewed
	TypeVideoLiked
	TypeVideoUnliked
	TypeCommentCreated
	TypeCommentDeleted
	TypeRemixCreated
	TypeRemixDeleted
	TypeGlitchCreated
	TypeGlitchDeleted
	TypeVideoDeleted
	TypeVideoRestored
	TypeJobCreated
	TypeJobUpdated
	TypeJobCancelled
	TypeNotificationSent
	TypeNotificationRead
	TypeUserBlocked
	TypeUserUnblocked
	TypeAccountBlocked
	TypeAccountUnblocked
	TypeCounterBaseline
	TypeDeadLetterRedriven
	TypeDeadLetterDropped
	TypeOperationRecorded
	TypeDeadLetterOpened
	typeEnd
)

var typeNames = [typeEnd]string{
	TypeVideoPublished:     "video.published",
	TypeVideoViewed:        "video.viewed",
	TypeVideoLiked:         "video.liked",
	TypeVideoUnliked:       "video.unliked",
	TypeCommentCreated:     "comment.created",
	TypeCommentDeleted:     "comment.deleted",
	TypeRemixCreated:       "remix.created",
	TypeRemixDeleted:       "remix.deleted",
	TypeGlitchCreated:      "glitch.created",
	TypeGlitchDeleted:      "glitch.deleted",
	TypeVideoDeleted:       "video.deleted",
	TypeVideoRestored:      "video.restored",
	TypeJobCreated:         "job.created",
	TypeJobUpdated:         "job.updated",
	TypeJobCancelled:       "job.cancelled",
	TypeNotificationSent:   "notification.sent",
	TypeNotificationRead:   "notification.read",
	TypeUserBlocked:        "user.blocked",
	TypeUserUnblocked:      "user.unblocked",
	TypeAccountBlocked:     "account.blocked",
	TypeAccountUnblocked:   "account.unblocked",
	TypeCounterBaseline:    "counter.baseline",
	TypeDeadLetterRedriven: "dead-letter.redriven",
	TypeDeadLetterDropped:  "dead-letter.dropped",
	TypeOperationRecorded:  "operation.recorded",
	TypeDeadLetterOpened:   "dead-letter.opened",
}

// Types returns all event types in the order of their numbers.
func Types() []Type {
	types := make([]Type, 0, typeEnd-1)
	for t := TypeVideoPublished; t < typeEnd; t++ {
		types = append(types, t)
	}
	return types
}

// PublicTypes returns the event types that producers may send.
func PublicTypes() []Type { return Types()[:TypeDeadLetterRedriven-1] }

// ParseType finds the type of that name.
func ParseType[T string | []byte](name T) (Type, bool) {
	for t := TypeVideoPublished; t < typeEnd; t++ {
		if typeNames[t] == string(name) {
			return t, true
		}
	}
	return 0, false
}

// Known reports whether the type is one of this vocabulary.
func (t Type) Known() bool { return t > 0 && t < typeEnd }

// Internal reports whether events of the type are the service's own notes on
// its log: they stand in commands of operations, and nobody else may send them.
func (t Type) Internal() bool { return t >= TypeDeadLetterRedriven && t < typeEnd }

// String returns the type's name, such as "video.viewed".
func (t Type) String() string {
	if !t.Known() {
		return fmt.Sprintf("type %d", uint8(t))
	}
	return typeNames[t]
}

// Counter is one of the five counts of a video.
type Counter uint8

// The counters, in the order in which they stand in answers and in memory.
const (
	Views Counter = iota
	Likes
	Comments
	Remixes
	Glitches
	CounterCount
)

// ItemCounter returns the counter that a comment, remix or glitch event moves.
// It is meaningful for those six types only.
func (t Type) ItemCounter() Counter {
	return Comments + Counter(t-TypeCommentCreated)/2
}
