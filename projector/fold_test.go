package projector

import (
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// foldCase: after the lines of before, the lines of log do what effects says,
// and leave what after says. The oracle must find the same.
type foldCase struct {
	name, before, log, effects, after string
}

func runFoldCases(t *testing.T, cases []foldCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBoth(t)
			if before := lines(c.before); len(before) > 0 {
				b.events(testTime, before...)
			}
			var effects []string
			for _, effect := range b.effects(testTime, events.Command{Privileged: true}, lines(c.log)...) {
				effects = append(effects, effect.String())
			}
			if got := strings.Join(effects, " "); got != c.effects {
				t.Errorf("effects: %s, want %s", got, c.effects)
			}
			for _, want := range lines(c.after) {
				name, _, _ := strings.Cut(want, ":")
				if got := show(t, b.fold.model, name); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			}
			b.equal()
		})
	}
}

func TestVideosAndViews(t *testing.T) {
	runFoldCases(t, []foldCase{
		{"published is known with zero counts", "", "video.published v1", "applied", "v1: zero"},
		{"published twice", "video.published v1 u1", "video.published v1 u1", "duplicate", "v1: zero"},
		{"published by another", "video.published v1 u1", "video.published v1 u2", "conflict", "v1: zero"},
		{"author said later", "video.published v1", "video.published v1 u1", "applied", "v1: zero"},
		{"first view makes known", "", "video.viewed v1", "applied", "v1: 1 views"},
		{"views without identity all count", "", "video.viewed v1 u1 @0\nvideo.viewed v1 u1 @0", "applied applied", "v1: 2 views"},
		{"view with identity counts once", "", "video.viewed v1 @0 id=x\nvideo.viewed v1 @0 id=x", "applied duplicate", "v1: 1 views"},
		{"identity is source, id, type and time", "", "video.viewed v1 @0 id=x\nvideo.viewed v1 @1 id=x\nvideo.viewed v1 @0 id=y",
			"applied applied applied", "v1: 3 views"},
		{"so another type is another event", "video.viewed v1 @0 id=x", "video.deleted v1 @0 id=x\nvideo.restored v1 @0 id=x", "applied applied", "v1: 1 views"},
		{"same identity, other video", "video.viewed v1 @0 id=x", "video.viewed v2 @0 id=x", "duplicate", "v1: 1 views\nv2: unknown"},
		{"deleted goes on hidden", "video.viewed v1", "video.deleted v1\nvideo.viewed v1", "applied applied", "v1: deleted, 2 views"},
		{"deleted before seen", "", "video.deleted v1\nvideo.viewed v1", "applied applied", "v1: deleted, 1 views"},
		{"deleted before seen, then restored", "", "video.deleted v1\nvideo.restored v1", "applied applied", "v1: unknown"},
		{"restored with what came meanwhile", "video.viewed v1\nvideo.deleted v1\nvideo.liked v1 u1", "video.restored v1", "applied", "v1: 1 views, 1 likes"},
		{"deleted twice", "video.deleted v1", "video.deleted v1", "none", "v1: deleted, unknown"},
		{"restored though not deleted", "video.viewed v1", "video.restored v1", "none", "v1: 1 views"},
		{"repeat of a delete does not undo a restore", "video.deleted v1 @0 id=d\nvideo.restored v1", "video.deleted v1 @0 id=d", "duplicate", "v1: unknown"},
	})
}

func TestLikes(t *testing.T) {
	runFoldCases(t, []foldCase{
		{"twice counts once", "", "video.liked v1 u1 @0\nvideo.liked v1 u1 @5", "applied applied", "v1: 1 likes"},
		{"the same again", "video.liked v1 u1 @0", "video.liked v1 u1 @0", "duplicate", "v1: 1 likes"},
		{"two users", "", "video.liked v1 u1\nvideo.liked v1 u2", "applied applied", "v1: 2 likes"},
		{"unliked", "video.liked v1 u1", "video.unliked v1 u1", "applied", "v1: zero"},
		{"unliked without a like", "", "video.unliked v1 u1", "applied", "v1: unknown"},
		{"later tap wins", "video.unliked v1 u1 @10", "video.liked v1 u1 @5", "superseded", "v1: zero"},
		{"later tap wins, in order", "video.liked v1 u1 @5", "video.unliked v1 u1 @10", "applied", "v1: zero"},
		{"at equal times the later in the log", "", "video.liked v1 u1 @0\nvideo.unliked v1 u1 @0\nvideo.liked v1 u1 @0\nvideo.unliked v1 u1 @0",
			"applied applied applied applied", "v1: zero"},
		{"without a time it is later than all before", "video.liked v1 u1 @200", "video.unliked v1 u1", "applied", "v1: zero"},
		{"and keeps the later time", "video.liked v1 u1 @200\nvideo.unliked v1 u1", "video.liked v1 u1 @100", "superseded", "v1: zero"},
		{"of year one", "", "video.liked v1 u1 @-63906000000", "applied", "v1: 1 likes"},
		{"of before 1970", "video.liked v1 u1 @-3000000000", "video.unliked v1 u1 @-2999999999", "applied", "v1: zero"},
		{"five minutes ahead", "", "video.liked v1 u1 @300", "applied", "v1: 1 likes"},
		{"further ahead", "", "video.liked v1 u1 @300.000001", "poisoned", "v1: unknown"},
	})
}

func TestItems(t *testing.T) {
	for kind, counter := range map[string]string{"comment": "comments", "remix": "remixes", "glitch": "glitches"} {
		named := strings.NewReplacer("KIND", kind, "COUNT", counter)
		cases := []foldCase{
			{"created", "", "KIND.created v1 c1 u1", "applied", "v1: 1 COUNT"},
			{"created twice", "KIND.created v1 c1 u1", "KIND.created v1 c1 u1", "duplicate", "v1: 1 COUNT"},
			{"of another author", "KIND.created v1 c1 u1", "KIND.created v1 c1 u2", "conflict", "v1: 1 COUNT"},
			{"author said later", "KIND.created v1 c1", "KIND.created v1 c1 u1\nKIND.created v1 c1 u2", "applied conflict", "v1: 1 COUNT"},
			{"same ID at another video", "KIND.created v1 c1 u1", "KIND.created v2 c1 u2", "applied", "v1: 1 COUNT\nv2: 1 COUNT"},
			{"deleted", "KIND.created v1 c1 u1", "KIND.deleted v1 c1 u1", "applied", "v1: zero"},
			{"deleted by a moderator's word", "KIND.created v1 c1 u1", "KIND.deleted v1 c1 u2", "applied", "v1: zero"},
			{"deleted wins, whichever order", "KIND.deleted v1 c1 u1", "KIND.created v1 c1 u1\nKIND.deleted v1 c1", "applied duplicate", "v1: zero"},
			{"deleted before seen", "", "KIND.deleted v1 c1", "applied", "v1: unknown"},
		}
		for i := range cases {
			c := &cases[i]
			c.name = kind + " " + c.name
			c.before, c.log, c.after = named.Replace(c.before), named.Replace(c.log), named.Replace(c.after)
		}
		runFoldCases(t, cases)
	}
}

func TestBaselines(t *testing.T) {
	runFoldCases(t, []foldCase{
		{"adds to what is folded", "video.viewed v1", "counter.baseline v1 from=old views=10 likes=3", "applied", "v1: 11 views, 3 likes"},
		{"later of one source wins", "counter.baseline v1 from=old views=10 likes=3", "counter.baseline v1 from=old views=4", "applied", "v1: 4 views"},
		{"sources add up", "counter.baseline v1 from=old views=10", "counter.baseline v1 from=older views=4", "applied", "v1: 14 views"},
		{"the same again", "counter.baseline v1 from=old views=10", "counter.baseline v1 from=old views=10", "duplicate", "v1: 10 views"},
		{"repeat does not undo what came since", "counter.baseline v1 from=old views=10 @0 id=b\ncounter.baseline v1 from=old views=4",
			"counter.baseline v1 from=old views=10 @0 id=b", "duplicate", "v1: 4 views"},
		{"makes known", "", "counter.baseline v1 from=old views=0", "applied", "v1: zero"},
		{"beyond what JSON keeps", "video.viewed v1", "counter.baseline v1 from=old views=9007199254740991", "poisoned", "v1: 1 views"},
		{"beyond, of an unseen video", "counter.baseline v1 from=a views=9007199254740991", "counter.baseline v1 from=b views=1", "poisoned", "v1: 9007199254740991 views"},
		{"poison is not remembered", "video.viewed v1", "counter.baseline v1 from=a views=9007199254740991 @0 id=x\ncounter.baseline v1 from=a views=3 @0 id=x", "poisoned applied", "v1: 4 views"},
		{"without a source", "", "counter.baseline v2 views=1", "poisoned", "v2: unknown"},
	})
}

func TestAccounts(t *testing.T) {
	all := "video.liked v1 u1 @0\ncomment.created v1 c1 u1\nremix.created v2 c2 u1\nglitch.created v2 c3 u1\nvideo.liked v1 u2 @0"
	runFoldCases(t, []foldCase{
		{"block leaves counts", all, "account.blocked u1", "applied", "v1: 2 likes, 1 comments\nv2: 1 remixes, 1 glitches"},
		{"retract takes them out", all, "account.blocked u1 retract", "applied", "v1: 1 likes\nv2: zero"},
		{"unblock gives them back", all + "\naccount.blocked u1 retract", "account.unblocked u1", "applied", "v1: 2 likes, 1 comments\nv2: 1 remixes, 1 glitches"},
		{"what comes later stays out", "account.blocked u1 retract", all, "applied applied applied applied applied", "v1: 1 likes\nv2: zero"},
		{"and comes back", "account.blocked u1 retract\n" + all, "account.unblocked u1", "applied", "v1: 2 likes, 1 comments\nv2: 1 remixes, 1 glitches"},
		{"unlike while out", all + "\naccount.blocked u1 retract\nvideo.unliked v1 u1\ncomment.deleted v1 c1", "account.unblocked u1", "applied", "v1: 1 likes\nv2: 1 remixes, 1 glitches"},
		{"another retract changes it", all + "\naccount.blocked u1", "account.blocked u1 retract\naccount.blocked u1", "updated updated", "v1: 2 likes, 1 comments"},
		{"blocked already", "account.blocked u1 retract", "account.blocked u1 retract", "none", ""},
		{"not blocked", "", "account.unblocked u1", "none", ""},
		{"author said only while out", "comment.created v1 c1\naccount.blocked u1 retract", "comment.created v1 c1 u1", "applied", "v1: zero"},
		{"repeat does not undo", all + "\naccount.blocked u1 retract @0 id=a\naccount.unblocked u1", "account.blocked u1 retract @0 id=a", "duplicate", "v1: 2 likes, 1 comments"},
	})
}

func TestUserBlocks(t *testing.T) {
	runFoldCases(t, []foldCase{
		{"blocked", "", "user.blocked u1 b1", "applied", "u1: 0 unread, blocks b1"},
		{"already blocked", "user.blocked u1 b1", "user.blocked u1 b1 @1", "none", "u1: 0 unread, blocks b1"},
		{"the same again", "user.blocked u1 b1 @0", "user.blocked u1 b1 @0", "duplicate", "u1: 0 unread, blocks b1"},
		{"not blocked", "", "user.unblocked u1 b1", "none", "u1: 0 unread"},
		{"blocked twice, unblocked once", "user.blocked u1 b1 @0\nuser.blocked u1 b1 @1", "user.unblocked u1 b1 @2", "applied", "u1: 0 unread"},
		{"later time wins", "user.unblocked u1 b1 @10", "user.blocked u1 b1 @5", "superseded", "u1: 0 unread"},
		{"at equal times the later in the log", "user.blocked u1 b1 @5", "user.unblocked u1 b1 @5", "applied", "u1: 0 unread"},
		{"without a time it is later than all before", "user.blocked u1 b1 @200", "user.unblocked u1 b1", "applied", "u1: 0 unread"},
		{"newest first", "", "user.blocked u1 b1 @5\nuser.blocked u1 b2 @1\nuser.blocked u1 b3 @5", "applied applied applied", "u1: 0 unread, blocks b3, blocks b1, blocks b2"},
		{"oneself", "", "user.blocked u1", "poisoned", "u1: 0 unread"},
	})
}

func TestJobs(t *testing.T) {
	runFoldCases(t, []foldCase{
		{"created", "", "job.created j1 u1", "applied", "j1: u1, queued, 0% attempt 1"},
		{"created twice, by another too", "job.created j1 u1", "job.created j1 u1\njob.created j1 u2", "duplicate conflict", "j1: u1, queued, 0% attempt 1"},
		{"updated", "job.created j1 u1", "job.updated j1 status=processing progress=40", "applied", "j1: u1, processing, 40% attempt 1"},
		{"progress never goes back", "job.created j1 u1\njob.updated j1 progress=40", "job.updated j1 progress=30", "duplicate", "j1: u1, queued, 40% attempt 1"},
		{"completed sets 100", "job.created j1 u1", "job.updated j1 status=completed url=x", "applied", "j1: u1, completed, 100% attempt 1, url x"},
		{"completed is final", "job.created j1 u1\njob.updated j1 status=completed", "job.updated j1 status=failed error=x\njob.updated j1 attempt=2 status=failed", "superseded superseded", "j1: u1, completed, 100% attempt 1"},
		{"failed is final for the attempt", "job.created j1 u1\njob.updated j1 status=failed error=x progress=7", "job.updated j1 status=completed", "superseded", "j1: u1, failed, 7% attempt 1, error x"},
		{"higher attempt starts over", "job.created j1 u1\njob.updated j1 status=failed error=x progress=7 url=y", "job.updated j1 attempt=2 status=processing", "applied", "j1: u1, processing, 0% attempt 2"},
		{"lower attempt comes late", "job.created j1 u1\njob.updated j1 attempt=3 progress=5", "job.updated j1 attempt=2 status=completed", "superseded", "j1: u1, queued, 5% attempt 3"},
		{"updates before the job are kept", "", "job.updated j1 status=completed url=x\njob.created j1 u1", "applied applied", "j1: u1, completed, 100% attempt 1, url x"},
		{"cancelled", "job.created j1 u1\njob.updated j1 progress=7", "job.cancelled j1", "applied", "j1: u1, failed, 7% attempt 1, error cancelled"},
		{"cancelled for good", "job.created j1 u1\njob.cancelled j1", "job.updated j1 attempt=9 status=completed\njob.cancelled j1", "superseded conflict", "j1: u1, failed, 0% attempt 1, error cancelled"},
		{"cancelled before it exists", "job.updated j1 progress=7", "job.cancelled j1\njob.created j1 u1", "not found applied", "j1: u1, queued, 7% attempt 1"},
		{"progress over 100", "job.created j1 u1", "job.updated j1 progress=101", "poisoned", "j1: u1, queued, 0% attempt 1"},
		{"attempt zero", "job.created j1 u1", "job.updated j1 attempt=0", "poisoned", "j1: u1, queued, 0% attempt 1"},
		{"of before 1970", "", "job.created j1 u1 @-3000000000\njob.updated j1 progress=7 @-2999999999", "applied applied", "j1: u1, queued, 7% attempt 1"},
	})
}

func TestNotifications(t *testing.T) {
	three := "notification.sent n1 u1 in=a @0\nnotification.sent n2 u1 in=b @1\nnotification.sent n3 u1 in=a @2\n"
	runFoldCases(t, []foldCase{
		{"sent, newest first", "", three, "applied applied applied", "u1: 3 unread, n3, n2, n1"},
		{"sent twice", three, "notification.sent n1 u1 in=b @9", "duplicate", "u1: 3 unread, n3, n2, n1"},
		{"same ID for another", three, "notification.sent n1 u2 in=a", "applied", "u2: 1 unread, n1"},
		{"kept from who blocked the actor", "user.blocked u1 a1", "notification.sent n1 u1 a1 in=a\nnotification.sent n2 u1 a2 in=a", "suppressed applied", "u1: 1 unread, n2, blocks a1"},
		{"suppressed for good", "user.blocked u1 a1\nnotification.sent n1 u1 a1 in=a\nuser.unblocked u1 a1", "notification.sent n1 u1 a1 in=a", "duplicate", "u1: 0 unread"},
		{"read by ID", three, "notification.read u1 n1 n1 n3", "applied", "u1: 1 unread, n3 read, n2, n1 read"},
		{"read again, and another's", three + "notification.read u1 n1", "notification.read u1 n1\nnotification.read u2 n2", "none none", "u1: 2 unread, n3, n2, n1 read"},
		{"read all", three, "notification.read u1 all", "applied", "u1: 0 unread, n3 read, n2 read, n1 read"},
		{"read all up to", three, "notification.read u1 all before=1", "applied", "u1: 1 unread, n3, n2 read, n1 read"},
		{"read a category", three, "notification.read u1 in=a", "applied", "u1: 1 unread, n3 read, n2, n1 read"},
		{"all reaches only what lies before it", "", "notification.read u1 all\nnotification.sent n1 u1 in=a @-9", "none applied", "u1: 1 unread, n1"},
		{"a repeat of all reaches nothing new", "notification.read u1 all @0 id=r\n" + three, "notification.read u1 all @0 id=r", "duplicate", "u1: 3 unread, n3, n2, n1"},
		{"bad category and payload", "", "notification.sent n1 u1 in=A\nnotification.sent n1 u1 in=a payload={", "poisoned poisoned", "u1: 0 unread"},
	})
}

func TestCommandsAreJudgedByWhatTheyMeet(t *testing.T) {
	owner, other := events.UserID(name16("u1")), events.UserID(name16("u2"))
	for _, c := range []struct {
		name, before, log, effect string
		command                   events.Command
	}{
		{"delete of a comment never seen", "", "comment.deleted v1 c1", "not found", events.Command{Kind: events.DeleteItem, Actor: owner}},
		{"never seen, by an admin", "", "comment.deleted v1 c1", "not found", events.Command{Kind: events.DeleteItem, Privileged: true}},
		{"by the author", "comment.created v1 c1 u1", "comment.deleted v1 c1", "applied", events.Command{Kind: events.DeleteItem, Actor: owner}},
		{"by another", "comment.created v1 c1 u1", "comment.deleted v1 c1", "forbidden", events.Command{Kind: events.DeleteItem, Actor: other}},
		{"by an admin", "comment.created v1 c1 u1", "comment.deleted v1 c1", "applied", events.Command{Kind: events.DeleteItem, Actor: other, Privileged: true}},
		{"twice", "comment.created v1 c1 u1\ncomment.deleted v1 c1", "comment.deleted v1 c1", "duplicate", events.Command{Kind: events.DeleteItem, Actor: owner}},
		{"cancel by the owner", "job.created j1 u1", "job.cancelled j1", "applied", events.Command{Kind: events.CancelJob, Actor: owner}},
		{"cancel by another", "job.created j1 u1", "job.cancelled j1", "not found", events.Command{Kind: events.CancelJob, Actor: other}},
		{"cancel of a finished job", "job.created j1 u1\njob.updated j1 status=failed", "job.cancelled j1", "conflict", events.Command{Kind: events.CancelJob, Actor: owner}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBoth(t)
			if c.before != "" {
				b.events(testTime, lines(c.before)...)
			}
			if got := b.effects(testTime, c.command, c.log); got[0].String() != c.effect {
				t.Errorf("%v, want %s", got, c.effect)
			}
			b.equal()
		})
	}
}

func TestKeyedCommandHasOneOutcome(t *testing.T) {
	b := newBoth(t)
	c := events.Command{ID: commandID(1), Keyed: true, Kind: events.RecordView, Request: events.RequestHash{1}}
	first := b.own(testTime, command(t, c, testTime, "video.viewed v1"))[0].Outcome
	repeat := b.own(testTime, command(t, c, testTime, "video.viewed v1"))[0].Outcome
	if !repeat.Repeat || repeat.OtherRequest || repeat.Position != first.Position {
		t.Errorf("repeat: %+v", repeat)
	}
	c.Request = events.RequestHash{2}
	other := b.own(testTime, command(t, c, testTime, "video.viewed v2"))[0].Outcome
	if other.Repeat || !other.OtherRequest {
		t.Errorf("other request: %+v", other)
	}
	if got := show(t, b.fold.model, "v1") + show(t, b.fold.model, "v2"); got != "v1: 1 viewsv2: unknown" {
		t.Error(got)
	}
	b.equal()
}

func TestOutcomeIsRememberedForItsHorizon(t *testing.T) {
	b := newBoth(t)
	cfg := testModelConfig()
	cfg.OutcomeHorizon = 24 * time.Hour
	b.fold = newFoldWith(cfg)
	c := events.Command{ID: commandID(1), Keyed: true, Kind: events.RecordView}
	at := testTime
	for _, step := range []struct {
		after  time.Duration
		repeat bool
	}{{0, false}, {24 * time.Hour, true}, {time.Minute, false}, {time.Hour, true}} {
		at = at.Add(step.after)
		m := ownMessage(b.seq+1, at, command(t, c, at, "video.viewed v1"))
		b.seq++
		if err := b.fold.message(decode(m)); err != nil {
			t.Fatal(err)
		}
		if got := b.fold.decided[0].Outcome.Repeat; got != step.repeat {
			t.Errorf("after %v: repeat %t", at.Sub(testTime), got)
		}
	}
}

func TestIdentityIsRememberedForItsHorizon(t *testing.T) {
	cfg := testModelConfig()
	cfg.DedupeHorizon = 7 * 24 * time.Hour
	f := newFoldWith(cfg)
	view := bare(t, testTime, "video.viewed v1 @0 id=x")
	for i, at := range []time.Duration{0, cfg.DedupeHorizon, cfg.DedupeHorizon + 2*time.Hour} {
		if err := f.message(decode(ownMessage(uint64(i+1), testTime.Add(at), view...))); err != nil {
			t.Fatal(err)
		}
		if want := []string{"v1: 1 views", "v1: 1 views", "v1: 2 views"}[i]; show(t, f.model, "v1") != want {
			t.Errorf("after %v: %s", at, show(t, f.model, "v1"))
		}
	}
	if n := f.model.Snapshot().Sizes.Identities; n != 1 {
		t.Errorf("%d identities are remembered", n)
	}
}

func TestOutsideBatches(t *testing.T) {
	b := newBoth(t)
	batch := func(n uint64, lines ...string) {
		b.add(outsideMessage(b.seq+1, testTime, batchID(n), bare(t, testTime, lines...)...))
	}
	batch(1, "video.viewed v1 @0")
	batch(1, "video.viewed v1 @0") // the same batch again
	batch(2, "video.viewed v1 @0", "video.viewed v1 @0 id=x")
	batch(3, "video.viewed v1 @0 id=x")
	b.add(outsideMessage(b.seq+1, testTime, batchID(4), command(t, events.Command{Kind: events.DeleteVideos}, testTime, "video.deleted v1")))
	b.add(garbage(b.seq+1, "garbage"))
	foreign := ownMessage(b.seq+1, testTime, bare(t, testTime, "video.viewed v1")...)
	foreign.Data = events.AppendBatch(nil, events.BatchHeader{Incarnation: events.Incarnation{9}, ID: batchID(9)}, bare(t, testTime, "video.viewed v1"))
	foreign.BatchID = ""
	b.add(foreign)
	astray := outsideMessage(b.seq+1, testTime, batchID(10), bare(t, testTime, "video.viewed v1")...)
	astray.Subject = "tidemark.events.1.batch"
	b.add(astray)
	if got := show(t, b.fold.model, "v1"); got != "v1: 3 views" {
		t.Error(got)
	}
	letters, err := b.fold.model.Snapshot().DeadLetters(events.Position{}, 10)
	if err != nil || len(letters) != 4 {
		t.Errorf("dead letters: %v %v", letters, err)
	}
	b.equal()
}

func TestPoisonIsAloneAndCanBeDrivenAgain(t *testing.T) {
	b := newBoth(t)
	b.events(testTime, "video.viewed v1 @0", "video.viewed v1 @301 id=x", "video.viewed v1 @0")
	b.events(testTime.Add(10*time.Second), "video.viewed v1 @301 id=x")
	if got := show(t, b.fold.model, "v1"); got != "v1: 3 views" {
		t.Error(got)
	}
	letters, err := b.fold.model.Snapshot().DeadLetters(events.Position{}, 10)
	if err != nil || len(letters) != 1 || letters[0].Position != (events.Position{Seq: 1, Index: 1}) {
		t.Errorf("dead letters: %v %v", letters, err)
	}
	b.equal()
}

func TestTrendingWindowHoldsItsWholeSteps(t *testing.T) {
	b := newBoth(t)
	b.events(testTime, "video.viewed v1 @-3600", "video.viewed v2 @-3630", "video.viewed v3 @-3630.000001", "video.viewed v4 @0", "video.liked v4 u1 @-10")
	b.equal()
	for later := range 4 {
		b.events(testTime.Add(time.Duration(later*20+1)*time.Minute), "video.viewed v5")
		b.equal()
	}
}

func TestAuditTellsWhoDidWhatAndWhatBecameOfIt(t *testing.T) {
	b := newBoth(t)
	admin := events.Command{Kind: events.DeleteVideos, Actor: name16("admin"), Privileged: true, Time: events.TimeOf(testTime), Reason: []byte("spam")}
	b.effects(testTime, admin, "video.deleted v1", "video.deleted v1 @900", "video.deleted v2", "video.deleted v1")
	b.events(testTime, "account.blocked u1 retract reason=spam", "video.restored v1 reason=oops")
	b.equal()
	if n := len(b.oracle.Audit); n != 3 || len(b.oracle.Audit[0].Targets) != 3 {
		t.Errorf("audit: %+v", b.oracle.Audit)
	}
}
