package replay

import (
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Counters are the five counters of a video, as answers name them.
type Counters struct {
	Views    int64 `json:"view_count"`
	Likes    int64 `json:"like_count"`
	Comments int64 `json:"comment_count"`
	Remixes  int64 `json:"remix_count"`
	Glitches int64 `json:"glitch_count"`
}

// countersOf names the counts.
func countersOf(c readmodel.Counts) Counters {
	return Counters{c[events.Views], c[events.Likes], c[events.Comments], c[events.Remixes], c[events.Glitches]}
}

// Add returns the sums of two.
func (c Counters) Add(d Counters) Counters {
	return Counters{c.Views + d.Views, c.Likes + d.Likes, c.Comments + d.Comments, c.Remixes + d.Remixes, c.Glitches + d.Glitches}
}

// Sub returns the differences of two.
func (c Counters) Sub(d Counters) Counters {
	return Counters{c.Views - d.Views, c.Likes - d.Likes, c.Comments - d.Comments, c.Remixes - d.Remixes, c.Glitches - d.Glitches}
}

// Explanation is the story of an entity: every event that bears on it, what each
// did, and what of it stands.
type Explanation struct {
	Entity Entity `json:"entity"`
	Span   Span   `json:"span"`
	// Reading says how the events were found.
	Reading Reading `json:"reading"`
	// Video, Job or User is what is shown of the entity at the end of the span.
	Video *VideoShown `json:"video,omitempty"`
	Job   *JobShown   `json:"job,omitempty"`
	User  *UserShown  `json:"user,omitempty"`
	// Summary adds the events up by type and by why they do not count.
	Summary []Tally `json:"summary"`
	// Events are in the order of the log. Views that count are listed up to a
	// limit; Unlisted is how many more there are.
	Events   []Explained `json:"events"`
	Unlisted int         `json:"unlisted"`
}

// VideoShown is what is shown of a video.
type VideoShown struct {
	Counters
	// Known is false for a video that nobody has seen yet.
	Known bool `json:"known"`
	// Deleted: the counters are hidden, since the event at DeletedBy.
	Deleted   bool             `json:"deleted"`
	DeletedBy *events.Position `json:"deleted_by,omitempty"`
}

// JobShown is what is shown of a job.
type JobShown struct {
	Created bool   `json:"created"`
	Owner   string `json:"owner_id,omitempty"`
	// Status is empty where nobody has said anything of the job.
	Status    string  `json:"status,omitempty"`
	Progress  int     `json:"progress"`
	Attempt   int     `json:"attempt"`
	ResultURL *string `json:"result_url"`
	Error     *string `json:"error"`
}

// UserShown is what a user contributes to counters, and what is kept for them.
type UserShown struct {
	// Counters adds up what of the user's views, likes, comments, remixes and
	// glitches stands in the counters of videos.
	Counters
	Blocked   bool `json:"blocked"`
	Retracted bool `json:"retracted"`
	// Unread counts the user's unread notifications.
	Unread int64 `json:"unread_count"`
}

// Why says why an event does not count.
type Why string

// The reasons. Most come with the position of the event that is the cause.
const (
	WhyDuplicate  Why = "duplicate"  // the same fact was folded before, at By
	WhyRepeat     Why = "repeat"     // its command, or its record batch, was folded before, at By
	WhySuperseded Why = "superseded" // a later fact of the same kind stands, at By
	WhyRetracted  Why = "retracted"  // the platform took the user's contributions out, at By
	WhyDeleted    Why = "deleted"    // the item was deleted, at By
	WhyConflict   Why = "conflict"   // the ID belongs to another, who named it at By
	WhyPoisoned   Why = "poisoned"   // it broke a rule and is a dead letter
	WhyNotFound   Why = "not found"  // what it speaks of was never seen
	WhyForbidden  Why = "forbidden"  // its actor may not do this to another's
	WhySuppressed Why = "suppressed" // the recipient has blocked the actor
	WhyNothing    Why = "no change"  // it was so already
)

// Explained is an event, what it did when it was folded, and what of it stands.
type Explained struct {
	Position events.Position `json:"position"`
	// Stored is when the log took it, Time when it happened.
	Stored time.Time `json:"stored"`
	Time   time.Time `json:"time"`
	Type   string    `json:"type"`
	// User is whose doing the event says it is: the liker, the author, the owner.
	User string `json:"user,omitempty"`
	// Command is the action that the event came by; empty for a bare event. Actor
	// is who called for it.
	Command string `json:"command,omitempty"`
	Actor   string `json:"actor,omitempty"`
	// Identity is "source id" of an event that a producer named.
	Identity string `json:"identity,omitempty"`
	// Effect is what the fold made of it.
	Effect string `json:"effect"`
	// Change is by how much the video's counters moved then.
	Change *Counters `json:"change,omitempty"`
	// Counts is what the event stands for in what is shown now.
	Counts *Counters `json:"counts,omitempty"`
	// Counted: the event stands in what is shown now. Otherwise Why says why not.
	Counted bool             `json:"counted"`
	Why     Why              `json:"why,omitempty"`
	By      *events.Position `json:"by,omitempty"`
	// Detail is the reason that an administrator gave, or what is wrong with poison.
	Detail string `json:"detail,omitempty"`
}

// Tally adds up events of one type that have one fate.
type Tally struct {
	Type   string   `json:"type"`
	Why    Why      `json:"why,omitempty"`
	Events int      `json:"events"`
	Counts Counters `json:"counts"`
}
