package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// addAudit adds an entry of the audit, as the fold wrote it.
func (c *chunk) addAudit(entry []byte) error {
	e, err := readmodel.DecodeAudit(entry)
	if err != nil {
		return err
	}
	r := &c.audit
	r.row(14)
	r.int2(c.log)
	r.int8(int64(e.Number))
	r.int8(int64(e.Position.Seq))
	r.int2(int16(e.Position.Index))
	r.time(e.At)
	r.key(e.Actor)
	r.text(e.Action.String())
	r.array(oidUUID, len(e.Targets), func(i int) { r.key(e.Targets[i]) })
	r.array(oidText, len(e.Effects), func(i int) { r.text(e.Effects[i].String()) })
	r.bool(e.Retract)
	r.text(string(e.Reason))
	if bytes.IndexByte(e.Reason, 0) >= 0 {
		r.bytes(e.Reason)
	} else {
		r.null()
	}
	r.optionalBytes(e.Outcome)
	r.bytes(e.Hash[:])
	return nil
}

// auditLimit bounds how long who asks for the audit waits.
const auditLimit = time.Minute

// errRejudged: of what is there some is as another fold judged than the one that serves.
var errRejudged = errors.New("it is being judged anew, since another fold serves than the one that judged: tidemark replay status says how far that is")

// EachAudit calls fn with each archived entry of the audit, oldest first, as its
// columns have it, and returns the last message that is archived. What is archived
// meanwhile is not seen. It fails with ErrUnavailable also while entries are judged anew.
func (a *Archive) EachAudit(ctx context.Context, fn func(*readmodel.AuditEntry)) (seq uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, auditLimit)
	defer cancel()
	return a.reading(ctx, func(tx pgx.Tx, at *Position) error {
		if a.doubts(at) {
			return errRejudged
		}
		rows, err := tx.Query(ctx, `SELECT number, audit.seq, idx, at, actor, action, targets, effects, retract, reason, reason_bytes, outcome::text, hash
FROM audit JOIN logs ON logs.log = audit.log WHERE last_seq IS NULL OR audit.seq <= last_seq ORDER BY audit.log, number, audit.seq, idx`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			e, err := scanAudit(rows)
			if err != nil {
				return err
			}
			fn(e)
		}
		return rows.Err()
	})
}

func scanAudit(row pgx.CollectableRow) (*readmodel.AuditEntry, error) {
	var e readmodel.AuditEntry
	var at time.Time
	var actor [16]byte
	var action string
	var targets [][16]byte
	var effects []string
	var reason string
	var outcome *string
	var hash []byte
	err := row.Scan(&e.Number, &e.Position.Seq, &e.Position.Index, &at, &actor, &action, &targets, &effects, &e.Retract, &reason, &e.Reason, &outcome, &hash)
	if err != nil {
		return nil, fmt.Errorf("read an entry of the audit: %w", err)
	}
	if clean := strings.ReplaceAll(string(e.Reason), "\x00", "\uFFFD"); e.Reason == nil || clean != reason {
		e.Reason = []byte(reason) // the two say one thing, unless somebody wrote one over
	}
	e.At, e.Actor, e.Targets = events.TimeOf(at), actor, targets
	e.Action, _ = events.ParseCommandKind(action) // what somebody wrote over shows by its hash
	for _, name := range effects {
		e.Effects = append(e.Effects, readmodel.ParseEffect(name))
	}
	if outcome != nil {
		e.Outcome = []byte(*outcome)
	}
	copy(e.Hash[:], hash)
	return &e, nil
}
