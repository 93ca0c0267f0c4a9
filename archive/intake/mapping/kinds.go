package mapping

import (
	"maps"
	"slices"
	"strings"
)

// Members of rows, by the names that the contract gives them.
const (
	videoID        = "video_id"
	userID         = "user_id"
	authorID       = "author_id"
	viewID         = "view_id"
	commentID      = "comment_id"
	remixID        = "remix_id"
	glitchID       = "glitch_id"
	jobID          = "job_id"
	ownerID        = "owner_id"
	notificationID = "notification_id"
	actorID        = "actor_id"
	blockedID      = "blocked_id"
	timeMember     = "time"
	status         = "status"
	progress       = "progress"
	resultURL      = "result_url"
	errorMember    = "error"
	attempt        = "attempt"
	category       = "category"
	payload        = "payload"
	readMember     = "read"
	viewCount      = "view_count"
	likeCount      = "like_count"
	commentCount   = "comment_count"
	remixCount     = "remix_count"
	glitchCount    = "glitch_count"
)

// idKinds are the kinds of IDs that keys become.
var idKinds = [...]string{"video", "user", "comment", "remix", "glitch", "job", "notification"}

func namedKind(name string) bool { return slices.Contains(idKinds[:], name) }

// kindOfID says which kind of ID a member holds.
var kindOfID = map[string]string{
	videoID: "video", userID: "user", authorID: "user", ownerID: "user", actorID: "user", blockedID: "user",
	commentID: "comment", remixID: "remix", glitchID: "glitch", jobID: "job", notificationID: "notification",
}

// kind is what rows can become.
type kind struct {
	// key holds the members that tell a row from the others, and that are still
	// known of a row that was deleted.
	key []string
	// required members have a column or a constant.
	required, optional []string
	// oneOf: one of these at least.
	oneOf []string
	// counted is the counter that each row adds one to.
	counted string
	// exact: to tell once too often that a row is there or gone is noticed (what was
	// deleted stays deleted, a view counts once more when its identity is forgotten), so
	// changes need what was there before.
	exact bool

	present, absent func(*maker) error
	// hidden tells of a row that is not there although nothing told that it was.
	hidden func(*maker) error
}

var kinds = map[string]*kind{
	"videos": {
		key: []string{videoID}, required: []string{videoID}, optional: []string{authorID, timeMember},
		exact: true, present: (*maker).videoPresent, absent: (*maker).videoAbsent, hidden: (*maker).videoHidden,
	},
	"views": {
		key: []string{viewID}, required: []string{viewID, videoID, timeMember}, optional: []string{userID},
		counted: viewCount, exact: true, present: (*maker).viewPresent,
	},
	"likes": {
		key: []string{videoID, userID}, required: []string{videoID, userID}, optional: []string{timeMember},
		counted: likeCount, present: (*maker).likePresent, absent: (*maker).likeAbsent,
	},
	"comments": itemKind(commentID, commentCount),
	"remixes":  itemKind(remixID, remixCount),
	"glitches": itemKind(glitchID, glitchCount),
	"jobs": {
		key: []string{jobID}, required: []string{jobID, ownerID},
		optional: []string{status, progress, resultURL, errorMember, attempt, timeMember},
		present:  (*maker).jobPresent,
	},
	"notifications": {
		key: []string{notificationID}, required: []string{notificationID, userID, category},
		optional: []string{actorID, payload, readMember, timeMember},
		present:  (*maker).notificationPresent,
	},
	"blocks": {
		key: []string{userID, blockedID}, required: []string{userID, blockedID}, optional: []string{timeMember},
		present: (*maker).blockPresent, absent: (*maker).blockAbsent,
	},
	"baselines": {
		key: []string{videoID}, required: []string{videoID},
		oneOf:   []string{viewCount, likeCount, commentCount, remixCount, glitchCount},
		present: (*maker).baselinePresent, absent: (*maker).baselineAbsent,
	},
}

func itemKind(id, counted string) *kind {
	return &kind{
		key: []string{videoID, id}, required: []string{videoID, id}, optional: []string{authorID, timeMember},
		counted: counted, exact: true, present: (*maker).itemPresent, absent: (*maker).itemAbsent,
	}
}

func (k *kind) members() []string { return slices.Concat(k.required, k.optional, k.oneOf) }

func (k *kind) has(member string) bool { return slices.Contains(k.members(), member) }

func (k *kind) names() string { return strings.Join(k.members(), ", ") }

func (k *kind) needsOne() bool { return len(k.oneOf) > 0 }

func kindNames() string { return strings.Join(slices.Sorted(maps.Keys(kinds)), ", ") }
