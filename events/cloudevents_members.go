package events

import "math/bits"

// member is one member of the data of events, as CloudEvents have it. Members
// of the same kind of value stand together.
type member uint8

const (
	memberVideoID member = iota
	memberUserID
	memberAuthorID
	memberCommentID
	memberRemixID
	memberGlitchID
	memberAdminID
	memberJobID
	memberOwnerID
	memberNotificationID
	memberActorID
	memberBlockedID
	idMembers // the members before are UUIDs
)

const (
	memberReason member = idMembers + iota
	memberCategory
	memberSource
	memberResultURL
	memberError
	textMembers // the members before, from idMembers on, are texts
)

const (
	memberProgress member = textMembers + iota
	memberAttempt
	memberViewCount
	memberLikeCount
	memberCommentCount
	memberRemixCount
	memberGlitchCount
	numberMembers // the members before, from textMembers on, are integers
)

const (
	memberStatus member = numberMembers + iota
	memberRetract
	memberAll
	memberBefore
	memberPayload
	memberNotificationIDs
	memberEnd
)

var memberNames = [memberEnd]string{
	memberVideoID:         "video_id",
	memberUserID:          "user_id",
	memberAuthorID:        "author_id",
	memberCommentID:       "comment_id",
	memberRemixID:         "remix_id",
	memberGlitchID:        "glitch_id",
	memberAdminID:         "admin_id",
	memberJobID:           "job_id",
	memberOwnerID:         "owner_id",
	memberNotificationID:  "notification_id",
	memberActorID:         "actor_id",
	memberBlockedID:       "blocked_id",
	memberReason:          "reason",
	memberCategory:        "category",
	memberSource:          "source",
	memberResultURL:       "result_url",
	memberError:           "error",
	memberProgress:        "progress",
	memberAttempt:         "attempt",
	memberViewCount:       "view_count",
	memberLikeCount:       "like_count",
	memberCommentCount:    "comment_count",
	memberRemixCount:      "remix_count",
	memberGlitchCount:     "glitch_count",
	memberStatus:          "status",
	memberRetract:         "retract",
	memberAll:             "all",
	memberBefore:          "before",
	memberPayload:         "payload",
	memberNotificationIDs: "notification_ids",
}

// memberSet is a set of members.
type memberSet uint32

func setOf(members ...member) (set memberSet) {
	for _, m := range members {
		set |= 1 << m
	}
	return set
}

func (set memberSet) has(m member) bool { return set&(1<<m) != 0 }

// find returns the member of that name, if it is in the set.
func (set memberSet) find(name []byte) (member, bool) {
	for ; set != 0; set &= set - 1 {
		if m := member(bits.TrailingZeros32(uint32(set))); memberNames[m] == string(name) {
			return m, true
		}
	}
	return 0, false
}

// dataMembers says which members the data of each type has. What they must
// fulfil together is checked in dataReader.checkTogether.
var dataMembers = [typeEnd]struct{ required, optional memberSet }{
	TypeVideoPublished:   {setOf(memberVideoID), setOf(memberAuthorID)},
	TypeVideoViewed:      {setOf(memberVideoID), setOf(memberUserID)},
	TypeVideoLiked:       {setOf(memberVideoID, memberUserID), 0},
	TypeVideoUnliked:     {setOf(memberVideoID, memberUserID), 0},
	TypeCommentCreated:   {setOf(memberVideoID, memberCommentID), setOf(memberAuthorID)},
	TypeCommentDeleted:   {setOf(memberVideoID, memberCommentID), setOf(memberAuthorID)},
	TypeRemixCreated:     {setOf(memberVideoID, memberRemixID), setOf(memberAuthorID)},
	TypeRemixDeleted:     {setOf(memberVideoID, memberRemixID), setOf(memberAuthorID)},
	TypeGlitchCreated:    {setOf(memberVideoID, memberGlitchID), setOf(memberAuthorID)},
	TypeGlitchDeleted:    {setOf(memberVideoID, memberGlitchID), setOf(memberAuthorID)},
	TypeVideoDeleted:     {setOf(memberVideoID, memberReason), setOf(memberAdminID)},
	TypeVideoRestored:    {setOf(memberVideoID, memberReason), setOf(memberAdminID)},
	TypeJobCreated:       {setOf(memberJobID, memberOwnerID), 0},
	TypeJobUpdated:       {setOf(memberJobID), jobReport},
	TypeJobCancelled:     {setOf(memberJobID), 0},
	TypeNotificationSent: {setOf(memberNotificationID, memberUserID, memberCategory), setOf(memberActorID, memberPayload)},
	TypeNotificationRead: {setOf(memberUserID), readScopes | setOf(memberBefore)},
	TypeUserBlocked:      {setOf(memberUserID, memberBlockedID), 0},
	TypeUserUnblocked:    {setOf(memberUserID, memberBlockedID), 0},
	TypeAccountBlocked:   {setOf(memberUserID, memberReason), setOf(memberRetract, memberAdminID)},
	TypeAccountUnblocked: {setOf(memberUserID, memberReason), setOf(memberRetract, memberAdminID)},
	TypeCounterBaseline:  {setOf(memberVideoID, memberSource), baselineCounts},
}

// Sets of which an event needs some or one.
var (
	jobReport  = setOf(memberStatus, memberProgress, memberResultURL, memberError, memberAttempt)
	readScopes = setOf(memberNotificationIDs, memberAll, memberCategory)

	baselineCounts = setOf(memberViewCount, memberLikeCount, memberCommentCount, memberRemixCount, memberGlitchCount)
)
