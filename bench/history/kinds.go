package history

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// Likes returns a history of n likes of videos that the picker draws, a hundred
// of each user.
func Likes(n int, videos Picker) History {
	at := start()
	return History{Events: n, PerBatch: events.MaxBatchEvents, Append: func(dst []byte, n int) []byte {
		at += 20
		meta := events.Meta{Type: events.TypeVideoLiked, Time: at, Arrival: true}
		return events.AppendEvent(dst, meta, events.VideoLike{Video: Video(videos()), User: User(n / 100)})
	}}
}

// Identified returns a history of n views of one video, each with an identity.
func Identified(n int) History {
	first := start()
	var id []byte
	return History{Events: n, PerBatch: events.MaxBatchEvents, Append: func(dst []byte, n int) []byte {
		id = strconv.AppendUint(append(id[:0], "event-"...), uint64(n), 10)
		meta := events.Meta{Type: events.TypeVideoViewed, Time: first + events.Time(20*n), Source: []byte("gateway"), ID: id}
		return events.AppendEvent(dst, meta, events.VideoViewed{Video: Video(0)})
	}}
}

// Created returns a history of n jobs, ten of each owner.
func Created(n int) History {
	at := start()
	return History{Events: n, PerBatch: events.MaxBatchEvents, Append: func(dst []byte, n int) []byte {
		at += 20
		meta := events.Meta{Type: events.TypeJobCreated, Time: at, Arrival: true}
		return events.AppendEvent(dst, meta, events.JobCreated{Job: numbered[events.JobID](jobKind, n), Owner: User(n / 10)})
	}}
}

// Sent returns a history of n notifications with a small payload, ten to each recipient.
func Sent(n int) History {
	at := start()
	return History{Events: n, PerBatch: events.MaxBatchEvents, Append: func(dst []byte, n int) []byte {
		at += 20
		meta := events.Meta{Type: events.TypeNotificationSent, Time: at, Arrival: true}
		return events.AppendEvent(dst, meta, events.NotificationSent{
			Notification: numbered[events.NotificationID](notificationKind, n), User: User(n / 10),
			Actor: User(n % 10), Category: []byte("like"), Payload: []byte(`{"text":"liked your video"}`),
		})
	}}
}

// start is the time of the first event: before the present, so that no event
// lies ahead of when its batch is stored, and within the windows of trending, so
// that views do all the work that they do in a service.
func start() events.Time { return events.TimeOf(time.Now().Add(-30 * time.Minute)) }

// Views returns a history of views: n events, of videos that the picker draws.
// One in a hundred is a like, because no feed has views alone.
func Views(n int, videos Picker) History {
	users := Uniform(7, 1_000_000)
	at := start()
	return History{Events: n, PerBatch: events.MaxBatchEvents, Append: func(dst []byte, n int) []byte {
		at += 20 // microseconds: 50,000 events a second
		meta := events.Meta{Type: events.TypeVideoViewed, Time: at, Arrival: true}
		video, user := Video(videos()), User(users())
		if n%100 == 99 {
			meta.Type = events.TypeVideoLiked
			return events.AppendEvent(dst, meta, events.VideoLike{Video: video, User: user})
		}
		return events.AppendEvent(dst, meta, events.VideoViewed{Video: video, User: user})
	}}
}

// Published returns a history in which n videos become known.
func Published(n int) History {
	at := start()
	return History{Events: n, PerBatch: events.MaxBatchEvents, Append: func(dst []byte, n int) []byte {
		at++
		meta := events.Meta{Type: events.TypeVideoPublished, Time: at, Arrival: true}
		return events.AppendEvent(dst, meta, events.VideoPublished{Video: Video(n)})
	}}
}

// Distinct returns a history of n videos with one view each, a month ago: they are
// known and lie in no window of trending, as most videos of a large service.
func Distinct(n int) History {
	return viewedFrom(n, start()-events.Time((30*24*time.Hour).Microseconds()))
}

// Recent returns a history of n videos with one view each, all in the last hour.
func Recent(n int) History { return viewedFrom(n, start()) }

func viewedFrom(n int, at events.Time) History {
	return History{Events: n, PerBatch: events.MaxBatchEvents, Append: func(dst []byte, n int) []byte {
		at++
		meta := events.Meta{Type: events.TypeVideoViewed, Time: at, Arrival: true}
		return events.AppendEvent(dst, meta, events.VideoViewed{Video: Video(n)})
	}}
}

// Mixed returns a history as gateways send it: of a hundred events 66 are views,
// 22 likes, 4 unlikes, 6 comments and 2 other items, all with the identity that
// their producer gave, and one in twenty is a repeat of an earlier one.
func Mixed(n int, videos Picker) History {
	random := rand.New(rand.NewPCG(11, 3))
	users, first := Uniform(12, 200_000), start()
	const window = 4096 // repeats come soon, as retries do
	var sent [window][]byte
	var id []byte
	return History{Events: n, PerBatch: 500, Append: func(dst []byte, n int) []byte {
		if n >= window && random.IntN(20) == 0 {
			return append(dst, sent[random.IntN(window)]...)
		}
		id = strconv.AppendUint(append(id[:0], "event-"...), uint64(n), 10)
		meta := events.Meta{Time: first + events.Time(20*n), Source: []byte("gateway"), ID: id}
		from := len(dst)
		dst = appendMixed(dst, meta, random.IntN(100), n, Video(videos()), User(users()))
		sent[n%window] = append(sent[n%window][:0], dst[from:]...)
		return dst
	}}
}

func appendMixed(dst []byte, meta events.Meta, draw, n int, video events.VideoID, user events.UserID) []byte {
	switch {
	case draw < 66:
		meta.Type = events.TypeVideoViewed
		return events.AppendEvent(dst, meta, events.VideoViewed{Video: video, User: user})
	case draw < 88:
		meta.Type = events.TypeVideoLiked
		return events.AppendEvent(dst, meta, events.VideoLike{Video: video, User: user})
	case draw < 92:
		meta.Type = events.TypeVideoUnliked
		return events.AppendEvent(dst, meta, events.VideoLike{Video: video, User: user})
	case draw < 98:
		meta.Type = events.TypeCommentCreated
	case draw < 99:
		meta.Type = events.TypeRemixCreated
	default:
		meta.Type = events.TypeGlitchCreated
	}
	return events.AppendEvent(dst, meta, events.VideoItem{Video: video, Item: numbered[events.ItemID](itemKind, n), Author: user})
}
