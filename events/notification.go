package events

import (
	"encoding/binary"
	"fmt"
)

// NotificationSent: somebody is told something.
type NotificationSent struct {
	Notification NotificationID
	User         UserID // the recipient
	Actor        UserID // who caused it; zero if nobody
	Category     []byte
	Payload      []byte // JSON; empty if none
}

// ReadScope says which notifications a NotificationRead reaches.
type ReadScope uint8

// The scopes.
const (
	ReadByID ReadScope = iota + 1
	ReadAll
	ReadCategory
)

// NotificationRead: the recipient has read notifications, by ID, or all that
// lie before the event in the log (of one category), sent up to Before.
type NotificationRead struct {
	User      UserID
	Scope     ReadScope
	HasBefore bool
	Before    Time
	Category  []byte
	// IDs holds the IDs one after the other, 16 bytes each.
	IDs []byte
}

// IDCount is the number of IDs listed.
func (d *NotificationRead) IDCount() int { return len(d.IDs) / 16 }

// ID returns the i-th ID listed.
func (d *NotificationRead) ID(i int) NotificationID {
	return NotificationID(d.IDs[16*i : 16*i+16])
}

func (d NotificationSent) appendTo(b []byte) []byte {
	b = append(append(append(b, d.Notification[:]...), d.User[:]...), d.Actor[:]...)
	return appendText(appendText(b, d.Category), d.Payload)
}

func (NotificationSent) decode(data []byte) (d NotificationSent, err error) {
	r := reader{rest: data}
	r.id((*[16]byte)(&d.Notification))
	r.id((*[16]byte)(&d.User))
	r.id((*[16]byte)(&d.Actor))
	d.Category, d.Payload = r.text(), r.text()
	if err := r.end(); err != nil {
		return d, err
	}
	switch {
	case !ValidCategory(d.Category):
		return d, fmt.Errorf("%w: a category has 1 to %d of a-z 0-9 _ . -", ErrRule, MaxCategoryBytes)
	case len(d.Payload) > 0 && !validPayload(d.Payload):
		return d, fmt.Errorf("%w: a payload is JSON of up to %d bytes", ErrRule, MaxPayloadBytes)
	}
	return d, nil
}

func (d NotificationRead) appendTo(b []byte) []byte {
	b = append(append(b, d.User[:]...), byte(d.Scope))
	b = appendUint64(appendBool(b, d.HasBefore), uint64(d.Before))
	b = appendText(b, d.Category)
	b = binary.BigEndian.AppendUint16(b, uint16(d.IDCount()))
	return append(b, d.IDs...)
}

func (NotificationRead) decode(data []byte) (d NotificationRead, err error) {
	r := reader{rest: data}
	r.id((*[16]byte)(&d.User))
	d.Scope, d.HasBefore, d.Before = ReadScope(r.uint8()), r.bool(), Time(r.uint64())
	d.Category = r.text()
	d.IDs = r.take(16 * int(r.uint16()))
	if err := r.end(); err != nil {
		return d, err
	}
	if d.HasBefore && !d.Before.Valid() {
		return d, fmt.Errorf("%w: before lies outside the years 1 to 9999", ErrRule)
	}
	switch d.Scope {
	case ReadByID:
		if len(d.IDs) == 0 || d.IDCount() > MaxBatchEvents || d.HasBefore || len(d.Category) > 0 {
			return d, fmt.Errorf("%w: reading by ID takes 1 to %d notification_ids and nothing else", ErrRule, MaxBatchEvents)
		}
	case ReadAll:
		if len(d.IDs) > 0 || len(d.Category) > 0 {
			return d, fmt.Errorf("%w: reading all takes no notification_ids and no category", ErrRule)
		}
	case ReadCategory:
		if len(d.IDs) > 0 || !ValidCategory(d.Category) {
			return d, fmt.Errorf("%w: reading a category takes one of 1 to %d of a-z 0-9 _ . -", ErrRule, MaxCategoryBytes)
		}
	default:
		return d, fmt.Errorf("%w: scope %d of notification.read is unknown", ErrRule, d.Scope)
	}
	return d, nil
}
