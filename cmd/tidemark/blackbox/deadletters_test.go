package blackbox

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-io/tidemark/events"
)

// aheadView is the frame of a view that claims to happen so much later than is
// allowed.
func aheadView(video, id string, later time.Duration) events.Entry {
	meta := events.Meta{
		Type: events.TypeVideoViewed, Time: events.TimeOf(time.Now().Add(events.MaxAhead + later)), Source: []byte("gateway"), ID: []byte(id),
	}
	return events.Entry{Bytes: events.AppendEvent(nil, meta, events.VideoViewed{Video: events.VideoID(uuid.MustParse(video))}), Events: 1}
}

func recordBatch(entries ...events.Entry) []byte {
	var h events.BatchHeader
	_, _ = rand.Read(h.ID[:])
	return events.AppendBatch(nil, h, entries)
}

// deadLetterWorld is a service that waits for the dead-letter stream as long as a test
// does: each letter is synced to a disk that others use too.
func deadLetterWorld(t *testing.T, n *outsideNATS) *World {
	t.Helper()
	return worldOf(t, start(t, "--nats-url", n.url, "--wait-limit", patience.String()))
}

// letters lists the positions of the dead letters.
func (w *World) letters(query string) (positions []string) {
	w.t.Helper()
	for _, letter := range w.admin().get("/v1/admin/dead-letters" + query).want(200).list("dead_letters") {
		positions = append(positions, letter["position"].(string))
	}
	return positions
}

// awaitLetter waits until a dead letter is there; those before it are, then.
func (w *World) awaitLetter(position string) {
	w.t.Helper()
	eventually(w.t, "dead letter "+position, func() (bool, string) {
		positions := w.letters("")
		return slices.Contains(positions, position), strings.Join(positions, " ")
	})
}

func TestDeadLettersAreListedShownRedrivenAndDropped(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	w := deadLetterWorld(t, n)
	soon, never := newID(), newID()
	// A view that is a little too early, or in time where this machine is slow.
	n.publish(recordBatch(aheadView(soon, "soon", 3*time.Second)))
	n.publish(recordBatch(aheadView(never, "far", time.Hour), aheadView(never, "near", 3*time.Second)))
	n.publish([]byte("no record batch"))
	garbage, far := "3.0", "2.0"
	w.awaitLetter(garbage)

	whole := w.admin().get("/v1/admin/dead-letters/" + garbage).want(200).has(obj{"type": nil, "raw": base64.StdEncoding.EncodeToString([]byte("no record batch"))})
	if event := whole.object()["event"]; event != nil {
		t.Errorf("garbage has the event %v", event)
	}
	shown := w.admin().get("/v1/admin/dead-letters/" + far).want(200).has(obj{"type": "video.viewed", "subject": "tidemark.events.0.batch"})
	if event := shown.object()["event"].(obj); event["id"] != "far" || event["data"].(obj)["video_id"] != never {
		t.Errorf("shown as %v", event)
	}
	w.replay("dead-letters", "list").exits(exitFine).says(far, "video.viewed", "ahead of when it was stored", garbage, "(whole message)")
	w.replay("dead-letters", "list", "--type", "video.liked", "--json").exits(exitFine).says("[]")
	w.replay("dead-letters", "show", far).exits(exitFine).says(`"id":"far"`, "ahead of when it was stored")
	w.replay("dead-letters", "show", "99.0").exits(exitFault).says("(404)")

	// What is early becomes good; what is far ahead stays, and what comes after it
	// of the same video waits.
	eventually(t, "the view that was early to count", func() (bool, string) {
		positions := w.letters("")
		if len(positions) > 3 {
			w.replay("dead-letters", "redrive", "--all", "--reason", "the clock is right again").exits(exitFine).says(far+"        poisoned", "2.1        waiting")
		}
		return len(positions) <= 3, strings.Join(positions, " ")
	})
	w.wantCounts(soon, counts{Views: 1})
	n.publish(recordBatch(aheadView(soon, "soon", 0))) // it is another event: its time is another
	w.replay("dead-letters", "drop", far, "--reason", "nobody knows whose").exits(exitFine).says(far + "        applied")
	eventually(t, "the view that waited to count", func() (bool, string) {
		positions := w.letters("?type=video.viewed")
		if len(positions) > 0 {
			w.admin().post("/v1/admin/dead-letters/redrive", obj{"type": "video.viewed", "reason": "its turn"}).want(200)
		}
		return len(positions) == 0, strings.Join(positions, " ")
	})
	if got := strings.Join(w.letters(""), " "); got != garbage {
		t.Errorf("left are %s", got)
	}

	// Who did it is in the audit, with the positions for targets.
	dropped := w.admin().get("/v1/admin/audit?action=dead-letter.drop").want(200).list("entries")
	if len(dropped) != 1 || dropped[0]["reason"] != "nobody knows whose" || canonical(dropped[0]["targets"]) != canonical([]string{far}) ||
		canonical(dropped[0]["outcome"]) != canonical(obj{"applied": 1}) {
		t.Errorf("audit %v", dropped)
	}
}

func TestCommandsOnDeadLettersAreRefusedForWhatIsWrongWithThem(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	w := deadLetterWorld(t, n)
	n.publish([]byte("no record batch"))
	w.awaitLetter("1.0")
	admin := w.admin()
	for _, body := range []obj{
		{}, {"reason": "r"}, {"all": true}, {"reason": "r", "all": true, "limit": 0}, {"reason": "r", "all": true, "limit": 401},
		{"reason": "r", "positions": []string{}}, {"reason": "r", "positions": []string{"x"}}, {"reason": "r", "positions": []string{"1.0"}, "all": true},
		{"reason": "r", "type": "video.watched"}, {"reason": "r", "from": "0.0"}, {"reason": "r", "all": true, "dry_run": true},
	} {
		for _, what := range []string{"redrive", "drop"} {
			admin.post("/v1/admin/dead-letters/"+what, body).want(422)
		}
	}
	admin.post("/v1/admin/dead-letters/redrive", obj{"reason": "r", "positions": []string{"1.0"}}).want(409)
	admin.post("/v1/admin/dead-letters/redrive", obj{"reason": "r", "positions": []string{"7.7"}}).want(200).
		is(obj{"redriven_count": 0, "success": true, "results": obj{"7.7": "not_found"}, "more": false})
	admin.get("/v1/admin/dead-letters/x").want(422)
	admin.get("/v1/admin/dead-letters?limit=0").want(422)
	admin.get("/v1/admin/dead-letters?cursor=x").want(422)
	w.replay("dead-letters", "drop", "--reason", "r").exits(exitUsage).says("must say which dead letters")
	w.replay("dead-letters", "drop", "--contains", "nothing has this reason", "--reason", "r").exits(exitFine).says("no dead letter matches")
	w.replay("dead-letters", "redrive", "--all").exits(exitUsage).says("--reason")

	// A repeat under its key is told the same, and has no second effect.
	key := newID()
	body := obj{"reason": "r", "positions": []string{"1.0"}}
	first := admin.post("/v1/admin/dead-letters/drop", body, "Idempotency-Key", key).want(200).
		is(obj{"dropped_count": 1, "success": true, "results": obj{"1.0": "applied"}, "more": false})
	admin.post("/v1/admin/dead-letters/drop", body, "Idempotency-Key", key).want(200).is(first.object())
	admin.post("/v1/admin/dead-letters/drop", body).want(200).has(obj{"results": obj{"1.0": "not_found"}})
}

func TestDeadLettersArePagedAndTakenInBatches(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	w := deadLetterWorld(t, n)
	var entries []events.Entry
	for range 450 {
		entries = append(entries, aheadView(newID(), newID(), time.Hour))
	}
	n.publish(recordBatch(entries...))
	w.awaitLetter("1.0")
	admin := w.admin()
	seen, path := 0, "/v1/admin/dead-letters?limit=200&type=video.viewed&reason=ahead"
	for cursor := ""; ; {
		page := admin.get(path + cursor).want(200)
		seen += len(page.list("dead_letters"))
		next, more := page.object()["next_cursor"].(string)
		if !more {
			break
		}
		cursor = "&cursor=" + next
	}
	if seen != 450 {
		t.Errorf("%d dead letters in pages", seen)
	}
	body := obj{"reason": "r", "all": true, "limit": 20}
	first := admin.post("/v1/admin/dead-letters/drop", body, "Idempotency-Key", "twenty").want(200).has(obj{"dropped_count": 20, "more": true})
	admin.post("/v1/admin/dead-letters/drop", body, "Idempotency-Key", "twenty").want(200).is(first.object())
	if entry := admin.get("/v1/admin/audit?action=dead-letter.drop").want(200).list("entries")[0]; canonical(entry["outcome"]) != `{"applied":20,"more":true}` {
		t.Errorf("audited as %s", canonical(entry["outcome"]))
	}
	w.replay("dead-letters", "redrive", "--contains", "ahead", "--reason", "r").exits(exitFine).says("poisoned       430")
	w.replay("dead-letters", "drop", "--all", "--reason", "r").exits(exitFine).says("applied        430")
	w.replay("status").exits(exitFine).says("dead letters   0")
}

// A message that is garbage is no event, however long it is: nothing of it gets
// into a record batch of the service's own, which the fold would stop at.
func TestLongGarbageIsNotRedriven(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	w := deadLetterWorld(t, n)
	n.publish(bytes.Repeat([]byte("no record batch "), 1<<10))
	w.awaitLetter("1.0")
	if kind := w.admin().get("/v1/admin/dead-letters/1.0").want(200).object()["type"]; kind != nil {
		t.Errorf("garbage is an event of type %v", kind)
	}
	w.admin().post("/v1/admin/dead-letters/redrive", obj{"all": true, "reason": "r"}).want(200).has(obj{"results": obj{}})
	w.admin().post("/v1/admin/dead-letters/redrive", obj{"positions": []string{"1.0"}, "reason": "r"}).want(409)
	video := newID()
	w.service().views(video)
	w.wantCounts(video, counts{Views: 1})
}

// What is given up, or redriven, at the moment in which it arrives is in the
// dead-letter stream all the same: each is published before its command is taken.
func TestDeadLettersThatDoNotLiveLongReachTheirStream(t *testing.T) {
	t.Parallel()
	const letters = 20
	n := startNATS(t)
	w := deadLetterWorld(t, n)
	for seq := range letters {
		n.publish(recordBatch(aheadView(newID(), newID(), time.Hour)))
		at := fmt.Sprintf("%d.0", 2*seq+1) // the command is a message too
		w.awaitLetter(at)
		w.admin().post("/v1/admin/dead-letters/drop", obj{"positions": []string{at}, "reason": "at once"}).want(200).has(obj{"results": obj{at: "applied"}})
	}
	if got := n.deadLetters(); got != letters {
		t.Errorf("%d of %d dead letters reached the stream", got, letters)
	}
}

// While the dead-letter stream takes nothing, a command is rejected as a whole; who
// gives it by the CLI has it given again.
func TestDeadLettersStayUntilTheirStreamTakesThem(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	s := start(t, "--nats-url", n.url, "--wait-limit", "2s") // a command waits for the stream in vain
	s.expects = "dead letters could not be published, they will be tried again"
	w := worldOf(t, s)
	n.limitDeadLetters(1)
	n.publish([]byte("no record batch"))
	w.awaitLetter("1.0")
	w.admin().post("/v1/admin/dead-letters/drop", obj{"all": true, "reason": "r"}).want(503)
	if got := strings.Join(w.letters(""), " "); got != "1.0" {
		t.Errorf("after a command that was rejected there are %q", got)
	}
	refused := func() float64 {
		return w.metric(`tidemark_http_requests_total\{code="5xx",method="POST",route="/v1/admin/dead-letters/drop"\}`)
	}
	before := refused()
	dropped := make(chan *output, 1)
	go func() { dropped <- w.replay("dead-letters", "drop", "--all", "--reason", "r") }()
	eventually(t, "the command to be rejected", func() (bool, string) { return refused() > before, "" })
	n.limitDeadLetters(-1)
	(<-dropped).exits(exitFine).says("has not taken these yet", "It is given again.", "1.0        applied")
	if got := n.deadLetters(); got != 1 {
		t.Errorf("%d of 1 dead letters reached the stream", got)
	}
}

// A record batch that went to the wrong subject is a dead letter as a whole. It is
// shown with its events and redriven by them: what fails again is a dead letter of
// its own then, at its place, and what it keeps waiting with it.
func TestAWholeMessageIsRedrivenByItsEvents(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	w := deadLetterWorld(t, n)
	good, bad := newID(), newID()
	batch := recordBatch(aheadView(good, "1", -time.Hour), aheadView(bad, "2", time.Hour), aheadView(bad, "3", -time.Hour), aheadView(good, "4", -time.Hour))
	n.publishTo("tidemark.events.7.batch", batch)
	var none events.BatchHeader
	none.Incarnation[0] = 9
	n.publish(events.AppendBatch(nil, none, []events.Entry{aheadView(good, "5", -time.Hour)}))
	n.publish([]byte("no record batch"))
	w.awaitLetter("3.0")

	w.replay("dead-letters", "show", "1.0").exits(exitFine).says("(whole message)", `"id":"1"`, `"id":"4"`, "another subject")
	w.replay("dead-letters", "show", "2.0").exits(exitFine).says("it cannot be redriven", "would count again")
	w.replay("dead-letters", "show", "3.0").exits(exitFine).says("it cannot be redriven", "not a record batch", "send what it should have said anew")
	eventually(t, "the audit to say who was shown them", func() (bool, string) {
		shown := w.trail("dead-letter.show")
		return len(shown) == 3 && canonical(shown[1]["targets"]) == `["2.0"]`, fmt.Sprint(shown)
	})
	if found := w.admin().get("/v1/admin/audit?target=3.0").want(200).list("entries"); len(found) != 1 {
		t.Errorf("who was shown 3.0: %v", found)
	}
	refused := w.admin().post("/v1/admin/dead-letters/redrive", obj{"positions": []string{"1.0", "2.0", "3.0"}, "reason": "r"}).want(409)
	if places := refused.list("errors"); len(places) != 2 || places[0]["pointer"] != "/positions/1" || places[1]["pointer"] != "/positions/2" {
		t.Errorf("refused: %v", places)
	}
	if got := strings.Join(w.letters(""), " "); got != "1.0 2.0 3.0" {
		t.Errorf("after a refusal there are %s", got)
	}

	w.replay("dead-letters", "redrive", "--all", "--reason", "the producer was told the subject").exits(exitFine).
		says("1.0        applied", "1.1        poisoned", "1.2        waiting", "1.3        applied")
	w.wantCounts(good, counts{Views: 2})
	if got := strings.Join(w.letters(""), " "); got != "1.1 1.2 2.0 3.0" {
		t.Errorf("left are %s", got)
	}
	w.replay("dead-letters", "show", "1.2").exits(exitFine).says(`"id":"3"`, "waits")
	// The producer sends the batch once more, where it belongs: it was counted.
	n.publish(batch)
	w.replay("dead-letters", "drop", "1.1", "--reason", "nobody knows when that was").exits(exitFine)
	w.replay("dead-letters", "redrive", "1.2", "--reason", "its turn").exits(exitFine).says("1.2        applied")
	w.wantCounts(good, counts{Views: 2})
	w.wantCounts(bad, counts{Views: 1})
	w.replay("verify").exits(exitFine).says("differences    0")
	for video, sum := range map[string]string{good: "2 views", bad: "1 views"} {
		w.replay("explain", "video", video).exits(exitFine).says(sum)
	}
}
