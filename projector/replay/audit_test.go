package replay_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/replay"
)

var errFull = errors.New("the log is full")

// A run that the audit cannot name does nothing, and is not there.
func TestNothingIsBegunThatTheAuditDoesNotKnow(t *testing.T) {
	s := newService(t)
	s.say(2)
	s.end()
	s.unaudited = func(replay.Action) error { return errFull }
	by := replay.Order{Actor: "somebody", Once: &replay.Once{Key: [16]byte{1}}}
	for name, start := range map[string]func() (replay.RunID, error){
		"rebuild": func() (replay.RunID, error) {
			return s.runs.StartRebuild(testContext(t), replay.RebuildOptions{Order: by})
		},
		"verify": func() (replay.RunID, error) {
			return s.runs.StartVerify(testContext(t), replay.VerifyOptions{Order: by})
		},
		"explain": func() (replay.RunID, error) {
			return s.runs.StartExplain(testContext(t), by, replay.ExplainRequest{Entity: replay.Entity{Kind: replay.KindUser, ID: numbered[events.VideoID]('u', 1)}})
		},
	} {
		if id, err := start(); !errors.Is(err, replay.ErrAudit) || !errors.Is(err, errFull) || id != "" {
			t.Errorf("%s: %q %v", name, id, err)
		}
	}
	if list := s.runs.List(); len(list) > 0 {
		t.Errorf("%+v", list)
	}
	if _, err := s.p.Rebuilding(); !errors.Is(err, projector.ErrNoRebuild) {
		t.Errorf("a rebuild was begun: %v", err)
	}
	s.unaudited = nil
	if v := s.done(s.runs.StartVerify(testContext(t), replay.VerifyOptions{Order: by})); v.Kind != replay.KindVerify {
		t.Errorf("under the same key: %+v", v)
	}
}

func TestAuditSaysWhoAskedForWhatAndWhatCameOfIt(t *testing.T) {
	s := newService(t)
	s.say(10)
	s.end()
	by := replay.Order{Actor: "somebody", Reason: "why"}
	said := func(entries ...string) {
		t.Helper()
		s.audited(entries...)
		if s.stop(); t.Failed() {
			t.FailNow()
		}
		s.start()
		s.audited(entries...) // no start says anything twice
	}
	asked := func(i int) string { return string(s.audit[i].Outcome().Request) }

	s.done(s.runs.StartVerify(testContext(t), replay.VerifyOptions{Order: by, EventsPerSecond: 1e6}))
	if got := asked(0); got != `{"events_per_second":1000000}` {
		t.Errorf("asked for %s", got)
	}
	said("begun", "done: 0 keys differ from messages 1 to 5")
	s.done(s.runs.StartVerify(testContext(t), replay.VerifyOptions{})) // the service's own
	user := replay.Entity{Kind: replay.KindUser, ID: numbered[events.VideoID]('u', 1)}
	s.done(s.runs.StartExplain(testContext(t), by, replay.ExplainRequest{Entity: user}))
	if len(s.audit) != 3 || asked(2) != `{"entity":"`+user.String()+`"}` || s.audit[2].Targets[0] != user.ID || s.audit[2].Actor != "somebody" {
		t.Errorf("%+v", s.audit)
	}
	left := map[events.UserID]bool{events.UserID(user.ID): true}
	s.done(s.runs.StartReport(testContext(t), by, replay.ReportRequest{ExcludeUsers: left}))
	if asked(3) != `{"exclude_users":1}` || s.audit[3].Targets[0] != user.ID {
		t.Errorf("%+v", s.audit[3])
	}
	said("begun", "done", "", "")

	s.audit = s.audit[:0]
	s.rebuild(replay.RebuildOptions{Order: by, Hold: true})
	if names, _ := s.p.Names(); names.Current != "model-000001" || asked(0) != `{"hold":true}` || !strings.HasSuffix(s.audit[1].Detail, "does not serve: equal at "+s.audit[1].Detail[strings.LastIndex(s.audit[1].Detail, " ")+1:]) {
		t.Errorf("%+v of %+v", s.audit, names)
	}
	s.done(s.runs.StartDiscard(testContext(t), replay.DiscardOptions{Order: by}))
	id, err := s.runs.StartRebuild(testContext(t), replay.RebuildOptions{Order: by, EventsPerSecond: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.unaudited = func(replay.Action) error { return errFull }
	if err := s.runs.Cancel(testContext(t), id, replay.Order{Actor: "another"}); !errors.Is(err, replay.ErrAudit) {
		t.Error(err)
	}
	s.unaudited = nil
	if err := s.runs.Cancel(testContext(t), id, replay.Order{Actor: "another"}); err != nil {
		t.Fatal(err)
	}
	s.run(id, nil)
	last := s.audit[len(s.audit)-1]
	if cancel := s.audit[len(s.audit)-2]; cancel.Kind != replay.KindCancel || cancel.Run != id || cancel.Actor != "another" || asked(len(s.audit)-2) != `{"kind":"rebuild"}` {
		t.Errorf("%+v", cancel)
	}
	if last.State != replay.StateCancelled || last.CancelledBy != "another" || last.Actor != "somebody" || last.Run != id {
		t.Errorf("%+v", last)
	}
	if err := s.runs.Cancel(testContext(t), id, replay.Order{Actor: "another"}); err != nil || s.audit[len(s.audit)-1].State != replay.StateCancelled {
		t.Errorf("a run that has ended is cancelled: %v %+v", err, s.audit[len(s.audit)-1])
	}
}

// However a detail is spelled, the entry has room for it, and says of which run it is.
func TestOutcomeFitsAnEntryOfTheAudit(t *testing.T) {
	for _, text := range []string{"<", `"`, "\x00", "\u2028", "ü", "\xff", "plain "} {
		a := replay.Action{Kind: replay.KindRebuild, Run: "a run", State: replay.StateFailed, Detail: strings.Repeat(text, 5000)}
		b, err := json.Marshal(a.Outcome())
		var o replay.Audited
		if err != nil || len(b) > events.MaxOutcomeBytes || json.Unmarshal(b, &o) != nil || o.Run != a.Run || o.State != "failed" {
			t.Errorf("%q: %d bytes, %+v %v", text, len(b), o, err)
		}
		if !strings.HasPrefix(a.Detail, o.Detail) || text != "\xff" && len(o.Detail) < 100 {
			t.Errorf("%q: the detail is %q", text, o.Detail)
		}
	}
}

// Whether the entry of a beginning is written is not known, and it is: nothing is begun,
// and the audit says so in the end.
func TestRunThatWasNotBegunAndIsInTheAuditIsToldAsFailed(t *testing.T) {
	s := newService(t)
	s.say(2)
	s.end()
	by := replay.Order{Actor: "somebody", Once: &replay.Once{Key: [16]byte{1}}}
	s.unaudited = func(a replay.Action) error {
		s.unaudited = nil
		_, err := s.record(testContext(t), a)
		return errors.Join(eventlog.ErrOutcomeUnknown, err)
	}
	id, err := s.runs.StartVerify(testContext(t), replay.VerifyOptions{Order: by})
	if !errors.Is(err, replay.ErrAudit) || id != "" {
		t.Errorf("%q %v", id, err)
	}
	if list := s.runs.List(); len(list) != 1 || list[0].State != replay.StateFailed || !strings.Contains(list[0].Error, "nothing was begun") {
		t.Errorf("%+v", list)
	}
	for range 2 {
		s.stop()
		s.start()
		s.hears(2)
		s.audited("begun", "failed: nothing was begun")
	}
	if again := s.done(s.runs.StartVerify(testContext(t), replay.VerifyOptions{Order: by})); again.ID == s.heard()[0].Run {
		t.Errorf("under the same key: %+v", again)
	}
}

// What ends before it has compared has found nothing, and no equality either.
func TestVerificationThatComparedNothingIsAuditedWithoutAFinding(t *testing.T) {
	s := newService(t)
	s.say(10)
	s.end()
	by := replay.Order{Actor: "somebody"}
	id, err := s.runs.StartVerify(testContext(t), replay.VerifyOptions{Order: by, EventsPerSecond: 1})
	if err == nil {
		err = s.runs.Cancel(testContext(t), id, by)
	}
	s.run(id, err)
	s.audited("begun", "", "cancelled: ")
	if detail := s.audit[2].Detail; strings.Contains(detail, "differ") {
		t.Errorf("it found: %s", detail)
	}
}

// The process ends when the rebuilt model serves and the audit does not say so: the
// next start says it, and that the run is done.
func TestSwitchThatTheAuditHasNotHeardOfIsToldByTheNextStart(t *testing.T) {
	for _, onDisk := range []bool{false, true} {
		s := newService(t)
		s.say(10)
		s.end()
		file := filepath.Join(s.dir, "runs.json")
		var left []byte
		s.unaudited = func(a replay.Action) (err error) {
			if a.State != replay.StateDone {
				return nil
			}
			left, err = os.ReadFile(file)
			return errors.Join(errFull, err)
		}
		id, err := s.runs.StartRebuild(testContext(t), replay.RebuildOptions{OnDisk: onDisk})
		r := s.done(id, err).Result.(*replay.RebuildResult)
		if r.Switched == onDisk || r.NextStart != onDisk {
			t.Errorf("%+v", r)
		}
		s.stop()
		if err := os.WriteFile(file, left, 0o644); err != nil { // as it was then
			t.Fatal(err)
		}
		s.unaudited = nil
		for range 2 {
			s.start()
			s.until("the run is known as done", func() bool {
				run, err := s.runs.Status(id)
				return err == nil && run.State == replay.StateDone
			})
			s.hears(2) // it is written beside what serves
			s.audited("begun", "done: model-000002 serves in place of model-000001")
			s.stop()
		}
	}
}

func TestEndThatCouldNotBeAuditedIsToldByTheNextStart(t *testing.T) {
	s := newService(t)
	s.say(10)
	s.end()
	s.unaudited = func(a replay.Action) error {
		if a.State != replay.StateRunning {
			return errFull
		}
		return nil
	}
	s.rebuild(replay.RebuildOptions{})
	s.audited("begun")
	s.stop()
	s.unaudited = nil
	for range 2 {
		s.start()
		s.hears(2)
		s.audited("begun", "done: model-000002 serves in place of model-000001: equal")
		s.stop()
	}
}
