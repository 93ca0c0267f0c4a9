package query

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// auditHead is the hash of the newest entry, in hex.
func (w *world) auditHead() string {
	var c readmodel.AuditChain
	if err := w.Snapshot().EachAudit(func(e *readmodel.AuditEntry) bool { c.Add(e); return true }); err != nil {
		w.t.Fatal(err)
	}
	return hex.EncodeToString(c.Head[:])
}

// keptAudit is a copy of the audit that holds the log up to a message.
type keptAudit struct {
	entries []readmodel.AuditEntry
	seq     uint64
	err     error
}

func (k *keptAudit) EachAudit(_ context.Context, fn func(*readmodel.AuditEntry)) (uint64, error) {
	for i := range k.entries {
		fn(&k.entries[i])
	}
	return k.seq, k.err
}

func TestTheAuditIsVerified(t *testing.T) {
	w := newWorld(t)
	kept := &keptAudit{}
	w.fold(func(m *readmodel.Model, step func() events.Position) {
		for range 4 {
			m.Audit(&readmodel.AuditEntry{At: events.TimeOf(testStart), Actor: root, Action: events.DeleteVideos, Position: step(),
				Targets: [][16]byte{videoID(1)}, Effects: []readmodel.Effect{readmodel.Applied}})
		}
	})
	all := func() (list []readmodel.AuditEntry) {
		_ = w.Snapshot().EachAudit(func(e *readmodel.AuditEntry) bool { list = append(list, *e); return true })
		return list
	}
	kept.seq = w.Snapshot().At.Seq
	head := w.auditHead()
	verify := func(query string) reply {
		return w.do("GET", "/v1/admin/audit/verify"+query, "", "Authorization", bearer(t, bob, api.RoleAdmin))
	}
	whole := `"ok":true,"entries":4,"head":"` + head + `","fault":null`
	w.want(verify(""), 200, "{"+whole+`,"archive":null}`)
	w.want(verify("?head="+strings.ToUpper(head)), 200, "{"+whole+`,"archive":null}`)
	cut := verify("?head=" + strings.Repeat("0f", 32))
	if w.want(cut, 200, ""); !strings.Contains(cut.text, `"ok":false`) || !strings.Contains(cut.text, `{"number":5,"at":"0.0","what":"cut off"}`) {
		t.Errorf("an unknown head: %s", cut.text)
	}
	for _, bad := range []string{"?head=", "?head=12", "?head=" + strings.Repeat("x", 64), "?other=1"} {
		w.want(verify(bad), 422, "")
	}

	w.service.auditCopy = kept
	for what, c := range map[string]struct {
		entries []readmodel.AuditEntry
		want    string
	}{
		"whole":   {all(), `"archive":{` + whole + `}`},
		"cut off": {all()[:3], `"fault":{"number":4,`},
		"none":    {nil, `"fault":{"number":1,`},
		"removed": {append(all()[:1], all()[2:]...), `"fault":{"number":2,`},
		"twice":   {append(all()[:2], all()[1:]...), `"fault":{"number":3,`},
		"changed": {func() []readmodel.AuditEntry { l := all(); l[2].Reason = []byte("x"); return l }(), `"fault":{"number":3,`},
	} {
		kept.entries = c.entries
		if got := verify(""); !strings.Contains(got.text, c.want) {
			t.Errorf("%s: %s, want %s", what, got.text, c.want)
		}
	}
	kept.err = errors.New("down")
	w.want(verify(""), 503, "")
}
