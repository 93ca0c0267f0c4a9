package replay_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

func (s *service) verify() *replay.VerifyResult {
	s.t.Helper()
	return s.done(s.runs.StartVerify(testContext(s.t), replay.VerifyOptions{})).Result.(*replay.VerifyResult)
}

// The control: where nothing is wrong, nothing is named, whatever is written meanwhile.
func TestVerifyNamesNothingUnderWrites(t *testing.T) {
	s := newService(t)
	s.say(30)
	s.end()
	id, err := s.runs.StartVerify(testContext(t), replay.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	writing.Go(func() { s.say(60) })
	r := s.done(id, nil).Result.(*replay.VerifyResult)
	writing.Wait()
	if r.Differences.Count != 0 || r.Buckets < 5 || r.First != 1 || r.Last < 150 {
		t.Errorf("%+v", r)
	}
	if stats := s.runs.VerifyStats(); stats.Runs != 1 || stats.LastSuccess == 0 || stats.Differences != 0 {
		t.Errorf("%+v", stats)
	}
	// Nothing of it is left on the disk.
	if entries := models(t, s); !slices.Equal(entries, []string{"model-000001"}) {
		t.Errorf("models: %s", entries)
	}
}

func TestWhatDiffersIsNamedAndRepaired(t *testing.T) {
	video, user, job := numbered[events.VideoID]('v', 3), numbered[events.UserID]('u', 1), numbered[events.JobID]('j', 777)
	for name, damage := range map[string]struct {
		do   func(m *readmodel.Model)
		kind string
		id   string
	}{
		"a counter": {func(m *readmodel.Model) { m.AddView(video, 0) }, "video", video.String()},
		"a like": {func(m *readmodel.Model) {
			m.SetLike(events.VideoLike{Video: numbered[events.VideoID]('v', 1), User: user}, readmodel.When{Time: m.LogTime(), Arrival: true}, false)
		}, "like", user.String() + "/" + numbered[events.VideoID]('v', 1).String()},
		"an audit entry": {func(m *readmodel.Model) {
			m.Audit(&readmodel.AuditEntry{At: m.LogTime(), Action: events.DeleteVideos, Position: m.At(), Reason: []byte("nobody did")})
		}, "audit entry", ""},
		"a row": {func(m *readmodel.Model) { m.CreateJob(events.JobCreated{Job: job, Owner: user}, m.LogTime()) }, "job", job.String()},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			s.say(30)
			s.end()
			s.inspect(func(m *readmodel.Model) {
				damage.do(m)
				m.SetGeneration(m.Snapshot().Generation()) // shows it
			})
			r := s.verify()
			if !slices.ContainsFunc(r.Differences.Keys, func(d replay.Difference) bool { return d.Kind == damage.kind && (d.ID == damage.id || damage.id == "") }) {
				t.Fatalf("not named: %+v", r.Differences)
			}
			if s.runs.VerifyStats().Differences == 0 {
				t.Error("no metric of it")
			}
			s.say(3)
			s.administer()
			id, err := s.runs.StartRepair(testContext(t), replay.RepairOptions{VerifyOptions: replay.VerifyOptions{Order: replay.Order{Reason: "a bit flipped"}}})
			if err != nil {
				t.Fatal(err)
			}
			var writing sync.WaitGroup
			writing.Go(func() { s.say(20) })
			repaired := s.done(id, nil).Result.(*replay.RepairResult)
			writing.Wait()
			if repaired.Repaired == 0 || repaired.Generation <= 1 || s.p.Snapshot().Generation() != repaired.Generation {
				t.Errorf("%+v", repaired)
			}
			if s.runs.VerifyStats().Differences != 0 {
				t.Error("the metric still tells of differences")
			}
			s.audited("begun", fmt.Sprintf("done: %d keys written anew; %d keys differed from messages 1 to ", repaired.Repaired, repaired.Differences.Count))
			if id, _, _ := strings.Cut(damage.id, "/"); id != "" && !slices.ContainsFunc(s.audit[1].Targets, func(t [16]byte) bool { return events.VideoID(t).String() == id }) {
				t.Errorf("%s is no target of the audit's entry: %x", id, s.audit[1].Targets)
			}
			if r := s.verify(); r.Differences.Count != 0 {
				t.Errorf("after the repair: %+v", r.Differences)
			}
			s.administer()
			s.recounted("after the repair")
			s.chained()
			s.stop() // what was repaired is in the checkpoint
			s.start()
			if r := s.verify(); r.Differences.Count != 0 || s.p.Snapshot().Generation() != repaired.Generation {
				t.Errorf("after a restart: generation %d, %+v", s.p.Snapshot().Generation(), r.Differences)
			}
		})
	}
}

// administer commits an administrator's command, which becomes an entry of the audit.
func (s *service) administer() {
	s.t.Helper()
	at, video := events.TimeOf(time.Now()), numbered[events.VideoID]('v', 49)
	c := events.Command{
		Kind: events.DeleteVideos, ID: numbered[events.CommandID]('a', s.next), Actor: numbered[events.UserID]('u', 99), Privileged: true,
		Time: at, Reason: []byte("spam"), Events: 1,
	}
	e := events.Entry{Bytes: events.AppendCommand(nil, c), Events: 1}
	e.Bytes = events.AppendEvent(e.Bytes, events.Meta{Type: events.TypeVideoDeleted, Time: at, Arrival: true}, events.VideoVisibility{Video: video, Admin: c.Actor})
	if _, err := s.writer.Commit(testContext(s.t), e); err != nil {
		s.t.Fatal(err)
	}
}

// chained checks that the audit has entries, and that they are a chain.
func (s *service) chained() {
	s.t.Helper()
	s.end()
	s.inspect(func(m *readmodel.Model) {
		var chain readmodel.AuditChain
		err := m.Snapshot().EachAudit(func(e *readmodel.AuditEntry) bool { chain.Add(e); return true })
		if err != nil || chain.Fault != nil || chain.Entries == 0 {
			s.t.Errorf("the audit has %d entries, at fault: %v, %v", chain.Entries, chain.Fault, err)
		}
	})
}

// A repair that nothing else follows reaches the disk all the same.
func TestRepairIsCheckpointedByItself(t *testing.T) {
	s := newService(t)
	s.say(5)
	s.end()
	s.inspect(func(m *readmodel.Model) { m.AddView(numbered[events.VideoID]('v', 1), 0) })
	r := s.done(s.runs.StartRepair(testContext(t), replay.RepairOptions{})).Result.(*replay.RepairResult)
	if r.Repaired == 0 {
		t.Errorf("%+v", r)
	}
	s.stop()
	s.start()
	if r := s.verify(); r.Differences.Count != 0 {
		t.Errorf("%+v", r.Differences)
	}
}

func TestDifferencesOfARebuildAreNamed(t *testing.T) {
	s := newService(t)
	s.say(10)
	s.end()
	video := numbered[events.VideoID]('v', 2)
	s.inspect(func(m *readmodel.Model) { m.AddView(video, 0) })
	ended := s.run(s.runs.StartRebuild(testContext(t), replay.RebuildOptions{}))
	r := ended.Result.(*replay.RebuildResult)
	if r.Differences == nil || !slices.ContainsFunc(r.Differences.Keys, func(d replay.Difference) bool { return d.ID == video.String() }) {
		t.Errorf("%+v", r)
	}
}

func TestScrubVerifiesInTheBackground(t *testing.T) {
	s := newService(t)
	s.say(5)
	s.end()
	s.inspect(func(m *readmodel.Model) { m.AddView(numbered[events.VideoID]('v', 1), 0) })
	s.stop()
	s.scrub = time.Millisecond
	s.start()
	for s.runs.VerifyStats().Differences == 0 {
		if err := testContext(t).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestScrubOnDiskWhereMemoryDoesNotSuffice for a second model.
func TestScrubOnDiskWhereMemoryDoesNotSuffice(t *testing.T) {
	s := newService(t)
	s.say(5)
	s.end()
	s.stop()
	s.free, s.onDisk, s.scrub = 210<<20, little, time.Millisecond // enough on disk, and not in memory
	s.start()
	s.until("it is scrubbed", func() bool { return s.runs.VerifyStats().LastSuccess > 0 })
	if stats := s.runs.VerifyStats(); stats.LastSuccess == 0 || stats.Failed > 0 {
		t.Errorf("%+v", stats)
	}
}
