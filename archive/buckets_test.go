package archive

import (
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// differingBuckets counts the hours and days of videos, and of all together, in
// which the history is not what the events say.
const differingBuckets = `WITH said AS (
	SELECT video_id, date_trunc('hour', time, 'UTC') AS hour,
		delta * (type = 'video.viewed')::int AS views, delta * (type LIKE 'video.%liked')::int AS likes,
		delta * (type LIKE 'comment.%')::int AS comments, delta * (type LIKE 'remix.%')::int AS remixes, delta * (type LIKE 'glitch.%')::int AS glitches
	FROM events WHERE delta <> 0
	UNION ALL SELECT video_id, hour, views, likes, comments, remixes, glitches FROM counter_changes
), buckets (name, video_id, start, views, likes, comments, remixes, glitches) AS (
	SELECT 'hourly', * FROM said
	UNION ALL SELECT 'daily', video_id, date_trunc('day', hour, 'UTC'), views, likes, comments, remixes, glitches FROM said
	UNION ALL SELECT 'all hourly', NULL, hour, views, likes, comments, remixes, glitches FROM said
	UNION ALL SELECT 'all daily', NULL, date_trunc('day', hour, 'UTC'), views, likes, comments, remixes, glitches FROM said
	UNION ALL SELECT 'hourly', video_id, hour, -views, -likes, -comments, -remixes, -glitches FROM history_hourly
	UNION ALL SELECT 'daily', video_id, day, -views, -likes, -comments, -remixes, -glitches FROM history_daily
	UNION ALL SELECT 'all hourly', NULL, hour, -views, -likes, -comments, -remixes, -glitches FROM total_hourly
	UNION ALL SELECT 'all daily', NULL, day, -views, -likes, -comments, -remixes, -glitches FROM total_daily
)
SELECT count(*) FROM (SELECT FROM buckets GROUP BY name, video_id, start
	HAVING (sum(views), sum(likes), sum(comments), sum(remixes), sum(glitches)) <> (0, 0, 0, 0, 0)) AS differing`

// TestHistoryIsWhatTheEventsSay in every hour and day, whatever time zone the
// database has: at the edges of days, where clocks change, before 1970, in the
// year 1.
func TestHistoryIsWhatTheEventsSay(t *testing.T) {
	address := database(t)
	w := newWorld(t, address)
	name := address[strings.LastIndex(address[:strings.Index(address, "?")], "/")+1 : strings.Index(address, "?")]
	w.sql("ALTER DATABASE " + name + " SET timezone = 'America/St_Johns'")
	w.start()
	const hour, day = 60 * 60 * 1_000_000, 24 * 60 * 60 * 1_000_000
	users := 0
	for _, edge := range []events.Time{
		events.MinTime, events.TimeOf(time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC)), 0,
		events.TimeOf(time.Date(2026, 3, 8, 5, 30, 0, 0, time.UTC)), events.TimeOf(time.Date(2025, 11, 2, 4, 30, 0, 0, time.UTC)),
		events.TimeOf(time.Now().Truncate(24 * time.Hour)),
	} {
		for _, off := range []events.Time{-hour, -1, 0, 1, hour - 1, hour, day - 1} {
			at := edge + off
			if !at.Valid() || at > events.TimeOf(time.Now()) {
				continue
			}
			users++
			w.commitOne(events.Meta{Type: events.TypeVideoViewed, Time: at}, events.VideoViewed{Video: id16('v', 1)})
			w.commitOne(events.Meta{Type: events.TypeVideoLiked, Time: at}, events.VideoLike{Video: id16('v', 1), User: id16('x', users)})
		}
	}
	w.commitMany(newTraffic(23), 200)
	w.mustEqual()
	if n := w.number(differingBuckets); n != 0 {
		t.Errorf("%d hours and days differ from what the events say", n)
	}
	w.sql("UPDATE total_daily SET likes = likes + 1 WHERE day = (SELECT max(day) FROM total_daily)")
	if n := w.number(differingBuckets); n != 1 {
		t.Errorf("one day was changed, %d are said to differ", n)
	}
}

func (w *world) commitOne(m events.Meta, d events.Data) {
	w.t.Helper()
	if _, err := w.writer.Commit(testContext(w.t), events.Entry{Bytes: events.AppendEvent(nil, m, d), Events: 1}); err != nil {
		w.t.Fatal(err)
	}
}

// TestNoBytesStopTheArchive: an outside producer may publish what is no text, no
// JSON and no record batch.
func TestNoBytesStopTheArchive(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	bad, now := []byte("\xff\x00\xed\xa0\x80"), events.TimeOf(time.Now())
	n := byte(0)
	for _, m := range []events.Meta{{Time: now}, {Time: now, Source: bad, ID: bad}, {Time: now, Source: []byte("s"), ID: []byte("i\x00\xfe")}} {
		for typ, d := range map[events.Type]events.Data{
			events.TypeVideoViewed:      events.VideoViewed{Video: id16('v', 1)},
			events.TypeVideoDeleted:     events.VideoVisibility{Video: id16('v', 1), Reason: bad},
			events.TypeAccountBlocked:   events.AccountBlock{User: id16('u', 1), Reason: bad},
			events.TypeJobUpdated:       events.JobUpdated{Job: id16('j', 1), Attempt: 1, Has: events.JobHasError | events.JobHasResultURL, Error: bad, ResultURL: bad},
			events.TypeNotificationSent: events.NotificationSent{Notification: id16('n', 1), User: id16('u', 1), Category: bad, Payload: []byte("{\"a\":\"\xff\"}")},
			events.TypeCounterBaseline:  events.CounterBaseline{Video: id16('v', 1), Source: bad, Set: 1},
		} {
			m.Type = typ
			n++
			w.outside(outsideBatch(n, events.Entry{Bytes: events.AppendEvent(nil, m, d), Events: 1}))
		}
	}
	for _, garbage := range [][]byte{bad, {}, make([]byte, 400_000)} {
		w.outside(garbage)
	}
	w.commitMany(newTraffic(24), 50)
	w.mustEqual()
	if dead := w.number("SELECT count(*) FROM dead_letters"); dead < 20 {
		t.Errorf("%d dead letters", dead)
	}
}
