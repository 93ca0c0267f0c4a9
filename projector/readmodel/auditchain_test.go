package readmodel

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// auditOf makes n entries by way of a model.
func auditOf(t *testing.T, n int) []AuditEntry {
	t.Helper()
	m := New(Config{DedupeHorizon: time.Hour, OutcomeHorizon: time.Hour})
	m.Begin(1, time.Unix(1, 0))
	for i := range n {
		m.Audit(&AuditEntry{
			At: events.Time(i), Actor: events.UserID{1}, Action: events.DeleteVideos, Position: events.Position{Seq: 1, Index: uint16(i)},
			Reason: fmt.Appendf(nil, "reason %d", i), Targets: [][16]byte{{byte(i)}}, Effects: []Effect{Applied},
		})
	}
	m.Publish(0)
	var list []AuditEntry
	err := m.Snapshot().EachAudit(func(e *AuditEntry) bool {
		list = append(list, *e)
		return true
	})
	if err != nil || len(list) != n {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	return list
}

func chainOf(list []AuditEntry) *AuditChain {
	c := &AuditChain{}
	for i := range list {
		c.Add(&list[i])
	}
	return c
}

func TestTheAuditsChainNamesTheFirstFault(t *testing.T) {
	whole := chainOf(auditOf(t, 9))
	if whole.Fault != nil || whole.Entries != 9 {
		t.Fatalf("whole: %+v", whole)
	}
	for what, c := range map[string]struct {
		change func([]AuditEntry) []AuditEntry
		want   AuditFault
	}{
		"reason":   {func(l []AuditEntry) []AuditEntry { l[3].Reason = []byte("x"); return l }, AuditFault{Number: 4, What: AuditChanged}},
		"effect":   {func(l []AuditEntry) []AuditEntry { l[4].Effects[0] = None; return l }, AuditFault{Number: 5, What: AuditChanged}},
		"hash":     {func(l []AuditEntry) []AuditEntry { l[5].Hash[7]++; return l }, AuditFault{Number: 6, What: AuditChanged}},
		"removed":  {func(l []AuditEntry) []AuditEntry { return append(l[:2], l[3:]...) }, AuditFault{Number: 3, What: AuditRemoved}},
		"first":    {func(l []AuditEntry) []AuditEntry { return l[1:] }, AuditFault{Number: 1, What: AuditRemoved}},
		"swapped":  {func(l []AuditEntry) []AuditEntry { l[2], l[3] = l[3], l[2]; return l }, AuditFault{Number: 3, What: AuditRemoved}},
		"retract":  {func(l []AuditEntry) []AuditEntry { l[0].Retract = true; return l }, AuditFault{Number: 1, What: AuditChanged}},
		"doubled":  {func(l []AuditEntry) []AuditEntry { return append(l[:3], l[2:]...) }, AuditFault{Number: 4, What: AuditRemoved}},
		"position": {func(l []AuditEntry) []AuditEntry { l[8].Position.Seq = 7; return l }, AuditFault{Number: 9, What: AuditChanged}},
	} {
		fault := chainOf(c.change(auditOf(t, 9))).Fault
		if fault == nil || fault.Number != c.want.Number || fault.What != c.want.What {
			t.Errorf("%s: found %v, want entry %d %s", what, fault, c.want.Number, c.want.What)
		}
	}
	if cut := chainOf(auditOf(t, 9)[:8]); cut.Fault != nil || cut.Head == whole.Head {
		t.Errorf("cut off: %+v", cut)
	}
}

func TestAuditEntriesAreReadBack(t *testing.T) {
	for _, e := range auditOf(t, 3) {
		value := e.Encode()
		back, err := DecodeAudit(value)
		if err != nil || fmt.Sprint(back) != fmt.Sprint(e) {
			t.Fatalf("%+v came back as %+v, %v", e, back, err)
		}
		for cut := range value {
			if _, err := DecodeAudit(value[:cut]); !errors.Is(err, errAuditEntry) {
				t.Fatalf("cut to %d bytes: %v", cut, err)
			}
		}
	}
}
