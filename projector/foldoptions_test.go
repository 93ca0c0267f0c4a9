package projector

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// An observer changes nothing, and is told of every event of every record batch
// that can be read, at its position.
func TestObservedFoldIsThePlainFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := messagesOf(drawLog(t, 1, 40))
		plain := newFold()
		foldAll(t, plain, log)
		var observed, seq, next = newFold(), uint64(0), 0
		observed.options.Observe = func(e *events.Event, _ readmodel.Effect, _ error) {
			if at := observed.model.At().Seq; at != seq {
				seq, next = at, 0
			}
			if int(e.Index) != next {
				t.Fatalf("message %d: event %d after %d", seq, e.Index, next)
			}
			next++
		}
		foldAll(t, observed, log)
		if got, want := observed.model.Digest(), plain.model.Digest(); got != want {
			t.Fatalf("observed %v, plain %v", got, want)
		}
	})
}

// A fold that leaves out a user gives the counters of a log without the user.
func TestLeavingOutEventsIsALogWithoutThem(t *testing.T) {
	said := []string{
		"video.viewed v1", "video.viewed v2 @-3 id=x", "video.liked v1 u1", "video.liked v1 u2", "video.unliked v1 u1",
		"comment.created v1 c1 u1", "comment.created v1 c1 u2", "comment.deleted v1 c1 u1", "video.deleted v2", "video.restored v2",
	}
	spammer := events.UserID(name16("u1"))
	rapid.Check(t, func(rt *rapid.T) {
		filtered, without := newFold(), newFold()
		filtered.options.Only = func(e *events.Event) bool {
			like, errLike := events.Decode[events.VideoLike](e)
			item, errItem := events.Decode[events.VideoItem](e)
			return (errLike != nil || like.User != spammer) && (errItem != nil || item.Author != spammer)
		}
		for i, line := range rapid.SliceOf(rapid.SampledFrom(said)).Draw(rt, "log") {
			entries := bare(t, testTime, line)
			foldAll(rt, filtered, []eventlog.Message{ownMessage(uint64(i+1), testTime, entries...)})
			if strings.HasSuffix(line, " u1") {
				entries = nil
			}
			foldAll(rt, without, []eventlog.Message{ownMessage(uint64(i+1), testTime, entries...)})
		}
		for _, v := range []string{"v1", "v2"} {
			if got, want := show(t, filtered.model, v), show(t, without.model, v); got != want {
				rt.Fatalf("%s, without the user %s", got, want)
			}
		}
	})
}

func TestObserverIsToldWhatBecameOfEachEvent(t *testing.T) {
	var told []string
	f := newFold()
	f.options = FoldOptions{
		Only: func(e *events.Event) bool { return e.Type != events.TypeVideoPublished },
		Observe: func(e *events.Event, effect readmodel.Effect, reason error) {
			line := fmt.Sprintf("%d.%d %v %v", f.model.At().Seq, e.Index, e.Type, effect)
			if reason != nil {
				line += ": " + reason.Error()
			}
			told = append(told, line)
		},
	}
	keyed := events.Command{ID: name16("key"), Keyed: true, Request: name16("one"), Kind: events.LikeVideo}
	other := keyed
	other.Request = name16("two")
	foldAll(t, f, []eventlog.Message{
		ownMessage(1, testTime, bare(t, testTime, "video.published v1", "video.viewed v1", "video.liked v1 u1 @-5", "video.liked v1 u1 @-9")...),
		ownMessage(2, testTime, command(t, keyed, testTime, "video.liked v2 u1", "video.published v2")),
		ownMessage(3, testTime, command(t, keyed, testTime, "video.liked v2 u1")),
		ownMessage(4, testTime, command(t, other, testTime, "video.unliked v2 u1")),
		outsideMessage(5, testTime, batchID(50), bare(t, testTime, "video.viewed v1 @-1 id=x", "job.updated j1 progress=101")...),
		outsideMessage(6, testTime, batchID(50), bare(t, testTime, "video.viewed v1 @-1 id=x")...),
		garbage(7, "garbage"),
		outsideMessage(8, testTime.Add(time.Second), batchID(51), bare(t, testTime, "video.viewed v1 @-1 id=x")...),
	})
	want := `1.1 video.viewed applied
1.2 video.liked applied
1.3 video.liked superseded
2.0 video.liked applied
3.0 video.liked duplicate
4.0 video.unliked conflict
5.0 video.viewed applied
5.1 job.updated poisoned: event breaks a rule: progress lies from 0 to 100
6.0 video.viewed duplicate
8.0 video.viewed duplicate`
	if got := strings.Join(told, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := show(t, f.model, "v2"); got != "v2: 1 likes" {
		t.Error(got)
	}
}
