package events

import (
	"math/bits"
	"strconv"
	"unicode/utf8"

	"github.com/tidemark-io/tidemark/events/strictjson"
)

// dataReader reads the data of one event at a time, by the table dataMembers.
// A value counts only where seen has its member.
type dataReader struct {
	seen    memberSet
	bad     memberSet // those of ids that were seen and are none
	ids     [idMembers][16]byte
	texts   [textMembers - idMembers][]byte
	numbers [numberMembers - textMembers]int64
	status  JobStatus
	retract bool
	before  Time
	payload []byte
	list    []byte // notification_ids, one after the other
}

// read reads the value that is ready in s as the data of an event of the type.
// What is wrong with it is left in s.
func (d *dataReader) read(s *strictjson.Scanner, t Type) {
	d.seen, d.bad = 0, 0
	if !s.Object() {
		return
	}
	required := dataMembers[t].required
	allowed := required | dataMembers[t].optional
	for name, ok := s.Member(); ok; name, ok = s.Member() {
		m, known := allowed.find(name)
		switch {
		case !known:
			s.Unknown()
		case !required.has(m) && s.Null(): // the same as absent
		default:
			d.seen |= 1 << m
			d.readMember(s, m)
		}
	}
	for missing := required &^ d.seen; missing != 0; missing &= missing - 1 {
		s.Missing(memberNames[bits.TrailingZeros32(uint32(missing))])
	}
	d.checkTogether(s, t)
}

func (d *dataReader) readMember(s *strictjson.Scanner, m member) {
	switch {
	case m < idMembers:
		if !readUUID(s, &d.ids[m]) {
			d.bad |= 1 << m
		}
	case m < textMembers:
		d.texts[m-idMembers] = readText(s, m)
	case m < numberMembers:
		d.numbers[m-textMembers] = readNumber(s, m)
	case m == memberStatus:
		d.status = readStatus(s)
	case m == memberRetract:
		d.retract, _ = s.Bool()
	case m == memberAll:
		if all, ok := s.Bool(); ok && !all {
			s.Fail("must be true or absent")
		}
	case m == memberBefore:
		if text, ok := s.String(); ok {
			if d.before, ok = ParseTime(text); !ok {
				s.Fail(badTime)
			}
		}
	case m == memberPayload:
		if d.payload = s.Raw(); len(d.payload) > MaxPayloadBytes {
			s.Fail("must have at most " + strconv.Itoa(MaxPayloadBytes) + " bytes")
		}
	case m == memberNotificationIDs:
		d.list = readUUIDs(s, d.list[:0])
	}
}

// readUUID reports whether it has read one.
func readUUID(s *strictjson.Scanner, dst *[16]byte) bool {
	text, ok := s.String()
	if ok && !ParseUUID(dst, text) {
		s.Fail(ErrBadID.Error())
		return false
	}
	return ok
}

func readUUIDs(s *strictjson.Scanner, list []byte) []byte {
	if !s.Array() {
		return list
	}
	count := 0
	for ; s.Element(); count++ {
		if count < MaxBatchEvents {
			var id [16]byte
			readUUID(s, &id)
			list = append(list, id[:]...)
		}
	}
	if count == 0 || count > MaxBatchEvents {
		s.Fail("must list 1 to " + strconv.Itoa(MaxBatchEvents) + " IDs")
	}
	return list
}

// readText reads a text member, whose bounds are the contract's.
func readText(s *strictjson.Scanner, m member) []byte {
	text, ok := s.String()
	if !ok {
		return nil
	}
	switch m {
	case memberReason:
		if chars := utf8.RuneCount(text); chars < 1 || chars > MaxReasonChars {
			s.Fail("must have 1 to " + strconv.Itoa(MaxReasonChars) + " characters")
		}
	case memberCategory:
		if !ValidCategory(text) {
			s.Fail("must be 1 to " + strconv.Itoa(MaxCategoryBytes) + " of a-z 0-9 _ . -")
		}
	case memberSource:
		if len(text) < 1 || len(text) > MaxSourceBytes {
			s.Fail("must have 1 to " + strconv.Itoa(MaxSourceBytes) + " bytes")
		}
	case memberResultURL:
		if len(text) > MaxResultURLBytes {
			s.Fail("must have at most " + strconv.Itoa(MaxResultURLBytes) + " bytes")
		}
	case memberError:
		if len(text) > MaxJobErrorBytes {
			s.Fail("must have at most " + strconv.Itoa(MaxJobErrorBytes) + " bytes")
		}
	}
	return text
}

func readNumber(s *strictjson.Scanner, m member) int64 {
	low, high := int64(0), int64(MaxBaseline)
	switch m {
	case memberProgress:
		high = MaxProgress
	case memberAttempt:
		low, high = 1, MaxAttempt
	}
	v, _ := s.Int(low, high)
	return v
}

func readStatus(s *strictjson.Scanner) JobStatus {
	text, ok := s.String()
	if !ok {
		return 0
	}
	status, known := ParseJobStatus(text)
	if !known {
		s.Fail("must be queued, processing, completed or failed")
	}
	return status
}

// checkTogether checks what members must fulfil together.
func (d *dataReader) checkTogether(s *strictjson.Scanner, t Type) {
	switch t {
	case TypeJobUpdated:
		if d.seen&jobReport == 0 {
			s.Fail("must have one of status, progress, result_url, error and attempt")
		}
	case TypeNotificationRead:
		switch scopes := d.seen & readScopes; {
		case bits.OnesCount32(uint32(scopes)) != 1:
			s.Fail("must have exactly one of notification_ids, all and category")
		case scopes.has(memberNotificationIDs) && d.seen.has(memberBefore):
			s.Fail("takes before only with all or category")
		}
	case TypeUserBlocked, TypeUserUnblocked:
		if both := setOf(memberUserID, memberBlockedID); d.seen&^d.bad&both == both && d.ids[memberUserID] == d.ids[memberBlockedID] {
			s.Fail("user_id and blocked_id must differ")
		}
	case TypeCounterBaseline:
		if d.seen&baselineCounts == 0 {
			s.Fail("must have one of the five counters")
		}
	}
}
