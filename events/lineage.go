package events

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Ancestor is an incarnation that a log had before.
type Ancestor struct {
	Incarnation Incarnation
	// Last is the last sequence that was appended under it, by whomever.
	Last uint64
}

// Lineage lists the incarnations that a log had before its present one, oldest
// first. What was written under one of them is the log's own up to where it
// ended: what a writer of then appends later is not.
type Lineage []Ancestor

// ErrLineage is returned for text that is no incarnation or no lineage.
var ErrLineage = errors.New("is no lineage of a log")

// Wrote reports whether a record batch of that incarnation may stand at the
// sequence.
func (l Lineage) Wrote(incarnation Incarnation, seq uint64) bool {
	for _, a := range l {
		if a.Incarnation == incarnation && seq <= a.Last {
			return true
		}
	}
	return false
}

// String returns the lineage as incarnation:last, incarnation:last, and so on.
func (l Lineage) String() string {
	parts := make([]string, len(l))
	for i, a := range l {
		parts[i] = fmt.Sprintf("%v:%d", a.Incarnation, a.Last)
	}
	return strings.Join(parts, ",")
}

// ParseLineage reads what String wrote.
func ParseLineage(text string) (l Lineage, err error) {
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, last, _ := strings.Cut(part, ":")
		a := Ancestor{}
		if a.Incarnation, err = ParseIncarnation(name); err != nil {
			return nil, err
		}
		if a.Last, err = strconv.ParseUint(last, 10, 64); err != nil {
			return nil, fmt.Errorf("%.80q %w", part, ErrLineage)
		}
		l = append(l, a)
	}
	return l, nil
}

// ParseIncarnation reads 32 hex digits.
func ParseIncarnation(text string) (inc Incarnation, err error) {
	if len(text) != 2*len(inc) {
		return inc, fmt.Errorf("%.80q %w", text, ErrLineage)
	}
	if _, err := hex.Decode(inc[:], []byte(text)); err != nil {
		return Incarnation{}, fmt.Errorf("%.80q %w", text, ErrLineage)
	}
	return inc, nil
}
