package archive

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// TestTheAuditIsAnsweredAlikeWithoutTheArchive: by actor, action, target and time, page by
// page, the read model answers what a plain search of the archive's entries finds.
func TestTheAuditIsAnsweredAlikeWithoutTheArchive(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	w.commitMany(newTraffic(22), 200)
	w.caughtUp()
	var all []readmodel.AuditEntry
	if _, err := w.archive.EachAudit(testContext(t), func(e *readmodel.AuditEntry) { all = append(all, *e) }); err != nil || len(all) < 10 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	slices.Reverse(all) // as they are listed
	r := rand.New(rand.NewPCG(22, 22))
	found := 0
	for range 300 {
		var f readmodel.AuditFilter
		some := func() *readmodel.AuditEntry { return &all[r.IntN(len(all))] }
		if r.IntN(3) == 0 {
			f.Actor = some().Actor
		}
		if r.IntN(3) == 0 {
			f.Action = some().Action
		}
		if e := some(); r.IntN(3) == 0 && len(e.Targets) > 0 {
			f.Target = e.Targets[r.IntN(len(e.Targets))]
		}
		f.HasFrom, f.From = r.IntN(2) == 0, some().At
		f.HasTo, f.To = r.IntN(2) == 0, some().At+events.Time(r.IntN(2))
		var want []string
		for i := range all {
			e := &all[i]
			if (f.Actor.IsZero() || e.Actor == f.Actor) && (f.Action == 0 || e.Action == f.Action) && (!f.HasFrom || e.At >= f.From) &&
				(!f.HasTo || e.At < f.To) && (f.Target == [16]byte{} || slices.Contains(e.Targets, f.Target)) {
				want = append(want, fmt.Sprintf("%+v", *e))
			}
		}
		got := w.auditPages(f, 1+r.IntN(7))
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: the read model lists %d entries, the archive has %d:\n%s\n%s", f, len(got), len(want), got, want)
		}
		found += len(want)
	}
	if found == 0 {
		t.Error("no filter found anything")
	}
}

// auditPages lists what fits in the read model, page by page.
func (w *world) auditPages(f readmodel.AuditFilter, limit int) (list []string) {
	w.t.Helper()
	err := w.projector.Read(func(s *readmodel.Snapshot) error {
		for before := (events.Position{}); ; {
			page, err := s.AuditLog(f, before, limit)
			if err != nil || len(page) == 0 {
				return err
			}
			for i := range page {
				list = append(list, fmt.Sprintf("%+v", page[i]))
			}
			before = page[len(page)-1].Position
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// TestAReasonThatIsKeptTwiceIsCheckedTwice: one that holds a NUL stands in two columns.
func TestAReasonThatIsKeptTwiceIsCheckedTwice(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	w.commitMany(newTraffic(23), 60)
	w.caughtUp()
	fault := func() *readmodel.AuditFault {
		t.Helper()
		var chain readmodel.AuditChain
		if _, err := w.archive.EachAudit(testContext(t), chain.Add); err != nil || chain.Entries == 0 {
			t.Fatal(chain.Entries, err)
		}
		return chain.Fault
	}
	w.sql("UPDATE audit SET reason_bytes = convert_to(reason, 'UTF8') WHERE reason_bytes IS NULL")
	if f := fault(); f != nil {
		t.Fatal(f)
	}
	w.sql("UPDATE audit SET reason = 'another' WHERE number = 2")
	if f := fault(); f == nil || f.Number != 2 {
		t.Errorf("a reason that was written over: %v", f)
	}
}
