package writing

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// tracePath is a cut of real exposures of short videos, with its repetitions,
// that the product's own tests import. The benchmark runs in its own directory.
const tracePath = "../cmd/tidemark/load/testdata/kuairand-cut.ndjson"

// occurrence is one event of the trace, in one of its repetitions.
type occurrence struct {
	kind   events.Type
	id     string // the producer's name for it
	time   events.Time
	video  events.VideoID
	user   events.UserID
	item   events.ItemID // of a comment
	source string
}

// trace is the workload of ingest: the same events for every subject.
type trace struct {
	events []occurrence
	videos []events.VideoID
	// views is how many views there are when repetitions count once, pairs how many
	// users like a video, and likes how many events say so.
	views, pairs, likes int
}

// line is a line of the file; other members are not used.
type line struct {
	ID    string `json:"id"`
	Type  string `json:"type"`
	Video string `json:"video"`
	User  string `json:"user"`
	Milli int64  `json:"ts"`
}

var kinds = map[string]events.Type{
	"view": events.TypeVideoViewed, "like": events.TypeVideoLiked, "comment": events.TypeCommentCreated,
}

// readTrace repeats the file until there are as many events. Each repetition is
// what other users do with the same videos, an hour later: so views, likes and
// comments are new ones, and what stands twice in the file stands twice in each.
func readTrace(path string, count int) (*trace, error) {
	lines, err := readLines(path)
	if err != nil {
		return nil, fmt.Errorf("read the trace: %w", err)
	}
	t := new(trace)
	for repetition := 0; len(t.events) < count; repetition++ {
		source := "trace/" + strconv.Itoa(repetition)
		for i := 0; i < len(lines) && len(t.events) < count; i++ {
			t.events = append(t.events, lines[i].occurrence(source, repetition))
		}
	}
	t.count()
	return t, nil
}

// count works out what must come of the events.
func (t *trace) count() {
	type identity struct{ source, id string }
	type pair struct {
		video events.VideoID
		user  events.UserID
	}
	views, pairs, videos := map[identity]bool{}, map[pair]bool{}, map[events.VideoID]bool{}
	for i := range t.events {
		o := &t.events[i]
		if !videos[o.video] {
			videos[o.video] = true
			t.videos = append(t.videos, o.video)
		}
		switch o.kind {
		case events.TypeVideoViewed:
			views[identity{o.source, o.id}] = true
		case events.TypeVideoLiked:
			t.likes++
			pairs[pair{o.video, o.user}] = true
		}
	}
	t.views, t.pairs = len(views), len(pairs)
}

func readLines(path string) ([]line, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []line
	for scan := bufio.NewScanner(f); scan.Scan(); {
		var l line
		if err := json.Unmarshal(scan.Bytes(), &l); err != nil {
			return nil, err
		}
		if kinds[l.Type] != 0 {
			lines = append(lines, l)
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s holds no events that are counted", path)
	}
	return lines, nil
}

func (l *line) occurrence(source string, repetition int) occurrence {
	at := time.UnixMilli(l.Milli).Add(time.Duration(repetition) * time.Hour)
	again := strconv.Itoa(repetition) + "/"
	return occurrence{
		kind: kinds[l.Type], id: l.ID, source: source, time: events.TimeOf(at),
		video: named[events.VideoID]("v/" + l.Video), user: named[events.UserID](again + l.User), item: named[events.ItemID](again + l.ID),
	}
}

// named derives a UUID from a name.
func named[T ~[16]byte](name string) T {
	sum := sha256.Sum256([]byte(name))
	id := [16]byte(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4
	return id
}

// appendFrame appends the event as the log keeps it.
func (o *occurrence) appendFrame(dst []byte) []byte {
	meta := events.Meta{Type: o.kind, Time: o.time, Source: []byte(o.source), ID: []byte(o.id)}
	switch o.kind {
	case events.TypeVideoViewed:
		return events.AppendEvent(dst, meta, events.VideoViewed{Video: o.video, User: o.user})
	case events.TypeVideoLiked:
		return events.AppendEvent(dst, meta, events.VideoLike{Video: o.video, User: o.user})
	}
	return events.AppendEvent(dst, meta, events.VideoItem{Video: o.video, Item: o.item, Author: o.user})
}

// appendCloudEvent appends the event as a line of NDJSON.
func (o *occurrence) appendCloudEvent(dst []byte) []byte {
	dst = append(dst, `{"specversion":"1.0","id":"`...)
	dst = append(append(dst, o.id...), `","source":"`...)
	dst = append(append(dst, o.source...), `","type":"`...)
	dst = append(append(dst, o.kind.String()...), `","time":"`...)
	dst = append(o.time.AppendTo(dst), `","data":{"video_id":"`...)
	dst = o.video.AppendTo(dst)
	switch o.kind {
	case events.TypeCommentCreated:
		dst = o.item.AppendTo(append(dst, `","comment_id":"`...))
		dst = append(dst, `","author_id":"`...)
	default:
		dst = append(dst, `","user_id":"`...)
	}
	return append(o.user.AppendTo(dst), "\"}}\n"...)
}

// batches cuts the trace into parts of that many events.
func (t *trace) batches(size int) [][]occurrence {
	var list [][]occurrence
	for rest := t.events; len(rest) > 0; {
		n := min(size, len(rest))
		list = append(list, rest[:n])
		rest = rest[n:]
	}
	return list
}
