package command

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/api/idlist"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
)

// closeBatch ends and sends the answer of a batch command, of which c.Out holds
// the members so far.
//
// Should the fold not have got there in time, the members would be guesses: the
// answer says where the command lies and that its outcome is pending.
func closeBatch(c *api.Call, v *verdict) error {
	c.SetToken(v.token)
	if v.pending {
		c.Out = append(append(append(c.Out[:0], `{"position":"`...), v.token.String()...), `","pending":true}`...)
	} else {
		c.Out = append(c.Out, '}')
	}
	return c.JSON(v.batchStatus(), c.Out)
}

// appendCounted begins the answer of a batch command: its count and success.
func appendCounted(dst []byte, name string, count int) []byte {
	dst = append(append(append(dst[:0], `{"`...), name...), `":`...)
	return append(strconv.AppendInt(dst, int64(count), 10), `,"success":true,`...)
}

// readList reads a body whose one member is a list of 1 to MaxBatch entries,
// and hands each to the function.
func (s *Service) readList(c *api.Call, member string, entry func(*strictjson.Scanner)) error {
	has := false
	scan, err := readObject(c, func(j *strictjson.Scanner, name string) bool {
		if name != member {
			return false
		}
		has = true
		if !j.Array() {
			return true
		}
		sent := 0
		for j.Element() {
			if sent++; sent <= s.cfg.MaxBatch {
				entry(j)
			}
		}
		switch {
		case sent == 0:
			j.Fail("must not be empty")
		case sent > s.cfg.MaxBatch:
			j.Fail(fmt.Sprintf("has %d entries, at most %d are taken", sent, s.cfg.MaxBatch))
		}
		return true
	})
	if err != nil {
		return err
	}
	if !has {
		scan.Missing(member)
	}
	return finish(c, scan)
}

// adminBatch is the body of an administrator's batch command.
type adminBatch struct {
	list    idlist.List[[16]byte]
	reason  []byte
	retract bool
	dryRun  bool
}

// readAdminBatch reads such a body; member names the list of IDs.
func (s *Service) readAdminBatch(c *api.Call, member string, takesRetract bool) (b adminBatch, err error) {
	var hasList, hasReason bool
	scan, err := readObject(c, func(j *strictjson.Scanner, name string) bool {
		switch {
		case name == member:
			hasList = true
			b.list.ScanSome(j, s.cfg.MaxBatch)
		case name == "reason":
			hasReason = true
			b.reason = readReason(j)
		case name == "retract" && takesRetract:
			b.retract, _ = j.Bool()
		case name == "dry_run":
			b.dryRun, _ = j.Bool()
		default:
			return false
		}
		return true
	})
	if err != nil {
		return b, err
	}
	if !hasList {
		scan.Missing(member)
	}
	if !hasReason {
		scan.Missing("reason")
	}
	return b, finish(c, scan)
}

func readReason(j *strictjson.Scanner) []byte {
	text, ok := j.String()
	if n := utf8.RuneCount(text); ok && (n == 0 || n > events.MaxReasonChars) {
		j.Fail(fmt.Sprintf("must have 1 to %d characters", events.MaxReasonChars))
	}
	return text
}
