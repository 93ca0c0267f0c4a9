package query

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/api/idlist"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Histories tells how counters changed over time.
type Histories interface {
	// EachBucket calls fn with the changes in each hour or day (UTC) of a video, or
	// of all together where video is nil, oldest first, from the bucket that begins
	// at from to the last that begins before to. It returns the last message of the
	// log that is in them.
	EachBucket(ctx context.Context, video *events.VideoID, day bool, from, to events.Time, fn func(start events.Time, changes *readmodel.Counts)) (seq uint64, err error)
}

// maxBuckets bounds an answer: 27 years of days, or a year and a month of hours.
const maxBuckets = 10_000

// span is what part of a history was asked for.
type span struct {
	day      bool
	from, to events.Time
}

// videoHistory answers GET /v1/videos/{id}/history to the video's author, to
// services and to administrators.
func (s *Service) videoHistory(c *api.Call) error {
	var video events.VideoID
	if !events.ParseUUID((*[16]byte)(&video), c.Param("id")) {
		return api.InvalidContent.Withf("The video's ID %s.", idlist.NotUUID)
	}
	return s.history(c, &video)
}

// totalHistory answers GET /v1/admin/history.
func (s *Service) totalHistory(c *api.Call) error { return s.history(c, nil) }

func (s *Service) history(c *api.Call, video *events.VideoID) error {
	asked, err := s.readSpan(c)
	if err != nil {
		return err
	}
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	snapshot := s.source.Hold()
	err = s.maySeeHistory(c, snapshot, video)
	snapshot.Release() // its rows are not kept while the archive is asked
	if err != nil {
		return err
	}
	if s.histories == nil {
		return api.ArchiveUnavailable.With("History is answered from the archive, and this service has none: it is started without --postgres-url.")
	}
	c.SetPosition(snapshot.TokenHeader())
	out, empty := append(c.Out, `{"buckets":[`...), true
	seq, err := s.histories.EachBucket(c.Context(), video, asked.day, asked.from, asked.to, func(start events.Time, changes *readmodel.Counts) {
		if !empty {
			out = append(out, ',')
		}
		out, empty = appendHistoryBucket(out, start, changes), false
	})
	if err != nil {
		return errors.Join(api.ArchiveUnavailable, err)
	}
	out = positionToken(snapshot, events.Position{Seq: seq}).AppendTo(append(out, `],"archived":"`...))
	out = append(out, `","bucket":"`...)
	if asked.day {
		out = append(out, `day"}`...)
	} else {
		out = append(out, `hour"}`...)
	}
	c.Out = out
	return c.Answer(c.Out)
}

// maySeeHistory lets in whoever works for the platform, and who owns the video while it is
// not deleted.
func (s *Service) maySeeHistory(c *api.Call, snapshot *readmodel.Snapshot, video *events.VideoID) error {
	if video == nil || c.Caller.Has(api.RoleAdmin) || c.Caller.Has(api.RoleService) {
		return nil
	}
	var slot readmodel.Slot
	videos := s.source.Model().Videos
	number, seen := videos.Find(*video)
	if seen {
		videos.Read(number, &slot)
	}
	if !slot.Visible() {
		return api.NotFound
	}
	author, known, err := snapshot.Author(*video)
	if err == nil && (!known || author != c.Caller.ID) {
		err = api.Forbidden.With("The history of a video is for its author.")
	}
	return err
}

// readSpan reads bucket, from and to. Where no bounds are given it takes the
// last two days of hours, or the last month of days.
func (s *Service) readSpan(c *api.Call) (asked span, err error) {
	var values [3]param
	if err := readParams(c, values[:], "from", "to", "bucket"); err != nil {
		return asked, err
	}
	if bucket := values[2]; bucket.given {
		asked.day = bucket.text == "day"
		if !asked.day && bucket.text != "hour" {
			return asked, badParam("bucket", "must be hour or day")
		}
	}
	var given bool
	if asked.to, given, err = readTime("to", values[1]); err != nil {
		return asked, err
	}
	if !given {
		asked.to = events.TimeOf(s.now())
	}
	width, usual := time.Hour, 48
	if asked.day {
		width, usual = 24*time.Hour, 31
	}
	step := events.Time(width.Microseconds())
	if asked.from, given, err = readTime("from", values[0]); err != nil {
		return asked, err
	}
	if !given {
		asked.from = max(asked.to-step*events.Time(usual), events.MinTime)
	}
	// Days and hours of UTC begin at whole multiples since the epoch.
	asked.from -= (asked.from%step + step) % step
	switch {
	case asked.from >= asked.to:
		return asked, badParam("from", "must be earlier than to")
	case (asked.to-asked.from)/step >= maxBuckets:
		return asked, badParam("from", "lies more than "+strconv.Itoa(maxBuckets)+" buckets before to; ask for a part of it, or for days")
	}
	return asked, nil
}

var historyMembers = [events.CounterCount]string{`","views":`, `,"likes":`, `,"comments":`, `,"remixes":`, `,"glitches":`}

func appendHistoryBucket(dst []byte, start events.Time, changes *readmodel.Counts) []byte {
	dst = start.AppendTo(append(dst, `{"start":"`...))
	for counter, n := range changes {
		dst = strconv.AppendInt(append(dst, historyMembers[counter]...), n, 10)
	}
	return append(dst, '}')
}
