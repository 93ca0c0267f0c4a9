package query

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// AuditCopy is the audit as it is kept elsewhere.
type AuditCopy interface {
	// EachAudit calls fn with each entry, oldest first, and returns the last
	// message of the log that is kept there.
	EachAudit(ctx context.Context, fn func(*readmodel.AuditEntry)) (seq uint64, err error)
}

// auditCheck is what was found of one copy of the audit.
type auditCheck struct {
	readmodel.AuditChain
	// known: the hash that the caller has noted is that of an entry.
	known bool
}

// verifyAudit answers GET /v1/admin/audit/verify: whether an entry of the audit
// was changed, removed or cut off, in the read model and in the archive.
func (s *Service) verifyAudit(c *api.Call) error {
	var values [1]param
	if err := readParams(c, values[:], "head"); err != nil {
		return err
	}
	noted, err := readHead(values[0])
	if err != nil {
		return err
	}
	snapshot, err := s.settled(c)
	if err != nil {
		return err
	}
	defer snapshot.Release()
	var entries []readmodel.AuditEntry // of the read model, to compare with
	own := auditCheck{known: !values[0].given}
	err = snapshot.EachAudit(func(e *readmodel.AuditEntry) bool {
		own.add(e, noted)
		entries = append(entries, *e)
		return true
	})
	if err != nil {
		return err
	}
	own.close()
	out := own.appendTo(append(c.Out, '{'))
	out = append(out, `,"archive":`...)
	if s.auditCopy == nil {
		out = append(out, "null"...)
	} else {
		kept, err := s.verifyCopy(c.Context(), entries, snapshot.At.Seq)
		if err != nil {
			return errors.Join(api.ArchiveUnavailable, err)
		}
		out = append(kept.appendTo(append(out, '{')), '}')
	}
	c.Out = append(out, '}')
	return c.Answer(c.Out)
}

// verifyCopy checks the archive's entries by their hashes, and against those of
// the read model as far as both reach.
func (s *Service) verifyCopy(ctx context.Context, entries []readmodel.AuditEntry, folded uint64) (auditCheck, error) {
	kept := auditCheck{known: true}
	differs := (*readmodel.AuditFault)(nil)
	upTo, err := s.auditCopy.EachAudit(ctx, func(e *readmodel.AuditEntry) {
		if e.Position.Seq > folded {
			return // the archive is ahead of what was read here
		}
		kept.Add(e)
		if i := int(e.Number) - 1; differs == nil && (i < 0 || i >= len(entries) || entries[i].Hash != e.Hash) {
			differs = &readmodel.AuditFault{Number: e.Number, Position: e.Position, What: readmodel.AuditChanged}
		}
	})
	if err != nil {
		return kept, err
	}
	if kept.Fault == nil {
		kept.Fault = differs
	}
	if i := int(kept.Entries); kept.Fault == nil && i < len(entries) && entries[i].Position.Seq <= upTo {
		kept.Fault = &readmodel.AuditFault{Number: entries[i].Number, Position: entries[i].Position, What: readmodel.AuditCutOff}
	}
	return kept, nil
}

func (a *auditCheck) add(e *readmodel.AuditEntry, noted readmodel.AuditHash) {
	a.Add(e)
	a.known = a.known || e.Hash == noted
}

// close finds entries cut off: a hash that was noted is of none that is there.
func (a *auditCheck) close() {
	if a.Fault == nil && !a.known {
		a.Fault = &readmodel.AuditFault{Number: a.Entries + 1, What: readmodel.AuditCutOff}
	}
}

func (a *auditCheck) appendTo(dst []byte) []byte {
	dst = strconv.AppendBool(append(dst, `"ok":`...), a.Fault == nil)
	dst = strconv.AppendUint(append(dst, `,"entries":`...), a.Entries, 10)
	dst = hex.AppendEncode(append(dst, `,"head":"`...), a.Head[:])
	dst = append(dst, `","fault":`...)
	if a.Fault == nil {
		return append(dst, "null"...)
	}
	dst = strconv.AppendUint(append(dst, `{"number":`...), a.Fault.Number, 10)
	dst = appendString(append(dst, `,"at":`...), a.Fault.Position.String())
	return append(appendString(append(dst, `,"what":`...), a.Fault.What), '}')
}

// readHead reads a hash that an earlier answer gave as head.
func readHead(p param) (head readmodel.AuditHash, err error) {
	if !p.given {
		return head, nil
	}
	if n, err := hex.Decode(head[:], []byte(p.text[:min(len(p.text), 2*len(head))])); err != nil || n != len(head) || len(p.text) != 2*n {
		return head, badParam("head", "must be the 64 hex digits that an earlier answer gave as head")
	}
	return head, nil
}
