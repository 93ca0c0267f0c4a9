package projector

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Judgement is what the fold made of one message, for those who keep the
// history of the counters: events alone do not tell which of them counted.
type Judgement struct {
	// Seq and Stored say which message: a log that has lost its end uses numbers
	// again.
	Seq    uint64
	Stored events.Time
	// Fold names the fold that judged.
	Fold FoldID
	// Verdicts holds one for each event of the record batch, by its index; one
	// alone for a message that is no record batch.
	Verdicts []Verdict
	// Changes are those of counters that no verdict tells: of retractions and
	// baselines.
	Changes []Change
	// Reasons say why events were poison.
	Reasons []PoisonReason
	// Audits are the entries of the audit, as readmodel.DecodeAudit reads them.
	Audits [][]byte
}

// FoldID names a fold that judges. Where it changes, what was judged before may be
// judged otherwise now.
type FoldID struct {
	// Version is that of the binary that folded the model from the beginning.
	Version int
	// Epoch is the generation of the last model that took the place of another which
	// it differed from, or of the last repair; 0 before the first.
	Epoch uint32
}

// CurrentFold names a fold of this binary's from the log's beginning.
func CurrentFold() FoldID { return FoldID{Version: foldVersion} }

// Verdict is what the fold made of one event.
type Verdict struct {
	Effect readmodel.Effect
	// Delta is by how much the event moved the counter that it is about: views
	// of video.viewed, likes of video.liked and video.unliked, and so on.
	Delta int8
}

// Change is a change of a video's counters by the event with that index.
type Change struct {
	Index  uint16
	Video  events.VideoID
	Counts readmodel.Counts
}

// PoisonReason says why the event with that index is a dead letter.
type PoisonReason struct {
	Index  uint16
	Reason string
}

func (j *Judgement) begin(seq uint64, stored events.Time) {
	j.Seq, j.Stored, j.Verdicts, j.Changes = seq, stored, j.Verdicts[:0], j.Changes[:0]
	j.Reasons, j.Audits = j.Reasons[:0], j.Audits[:0]
}

func (j *Judgement) add(v Verdict, n int) {
	for range n {
		j.Verdicts = append(j.Verdicts, v)
	}
}

// note adds the verdict on an event with the changes of counters that came of
// it: as its delta where it moved its own counter by one, or apart.
func (j *Judgement) note(e *events.Event, effect readmodel.Effect, changes []readmodel.VideoChange) {
	v := Verdict{Effect: effect}
	if own, ok := CounterOf(e.Type); ok && len(changes) == 1 {
		c := changes[0].Counts
		d := c[own]
		c[own] = 0
		if c == (readmodel.Counts{}) && (d == 1 || d == -1) {
			v.Delta, changes = int8(d), nil
		}
	}
	first := len(j.Changes)
	for _, c := range changes {
		j.Changes = append(j.Changes, Change{Index: uint16(len(j.Verdicts)), Video: c.Video, Counts: c.Counts})
	}
	// A retraction goes through a map, and judgements are equal for equal logs.
	slices.SortFunc(j.Changes[first:], func(a, b Change) int { return slices.Compare(a.Video[:], b.Video[:]) })
	j.Verdicts = append(j.Verdicts, v)
}

// CounterOf is the counter that events of a type are about, if there is one: a
// Verdict's delta is of that.
func CounterOf(t events.Type) (events.Counter, bool) {
	switch {
	case t == events.TypeVideoViewed:
		return events.Views, true
	case t == events.TypeVideoLiked, t == events.TypeVideoUnliked:
		return events.Likes, true
	case t >= events.TypeCommentCreated && t <= events.TypeGlitchDeleted:
		return t.ItemCounter(), true
	}
	return 0, false
}

// ErrJudgement is returned for bytes that AppendTo did not write.
var ErrJudgement = errors.New("is not a judgement of this version")

// AppendTo appends the judgement in its binary form: runs of equal verdicts,
// so that a batch of views takes a few bytes.
func (j *Judgement) AppendTo(b []byte) []byte {
	b = binary.AppendVarint(binary.AppendUvarint(b, j.Seq), int64(j.Stored))
	b = binary.AppendUvarint(b, uint64(len(j.Verdicts)))
	for at := 0; at < len(j.Verdicts); {
		v, n := j.Verdicts[at], 1
		for at+n < len(j.Verdicts) && j.Verdicts[at+n] == v {
			n++
		}
		b = binary.AppendUvarint(append(b, byte(v.Effect), byte(v.Delta)), uint64(n))
		at += n
	}
	b = binary.AppendUvarint(b, uint64(len(j.Changes)))
	for i := range j.Changes {
		c := &j.Changes[i]
		b = append(binary.AppendUvarint(b, uint64(c.Index)), c.Video[:]...)
		for _, n := range c.Counts {
			b = binary.AppendVarint(b, n)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(j.Reasons)))
	for _, r := range j.Reasons {
		b = binary.AppendUvarint(b, uint64(r.Index))
		b = append(binary.AppendUvarint(b, uint64(len(r.Reason))), r.Reason...)
	}
	b = binary.AppendUvarint(b, uint64(len(j.Audits)))
	for _, entry := range j.Audits {
		b = append(binary.AppendUvarint(b, uint64(len(entry))), entry...)
	}
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(j.Fold.Version)), uint64(j.Fold.Epoch))
}

// Parse reads what AppendTo wrote, in memory that the judgement has already.
func (j *Judgement) Parse(b []byte) error {
	r := judgementReader{b: b}
	seq := r.uvarint()
	j.begin(seq, events.Time(r.varint()))
	n := r.count()
	if n > events.MaxBatchEvents {
		return ErrJudgement
	}
	for n > 0 && !r.bad {
		v := Verdict{readmodel.Effect(r.byte()), int8(r.byte())}
		run := r.uvarint()
		if run == 0 || run > uint64(n) {
			return ErrJudgement
		}
		j.add(v, int(run))
		n -= int(run)
	}
	for n := r.count(); n > 0 && !r.bad; n-- {
		c := Change{Index: uint16(r.uvarint()), Video: events.VideoID(r.take(16))}
		for i := range c.Counts {
			c.Counts[i] = r.varint()
		}
		j.Changes = append(j.Changes, c)
	}
	for n := r.count(); n > 0 && !r.bad; n-- {
		index := uint16(r.uvarint())
		j.Reasons = append(j.Reasons, PoisonReason{index, string(r.take(r.count()))})
	}
	for n := r.count(); n > 0 && !r.bad; n-- {
		j.Audits = append(j.Audits, append([]byte{}, r.take(r.count())...))
	}
	j.Fold = FoldID{Version: r.count(), Epoch: uint32(r.uvarint())}
	if r.bad || len(r.b) > 0 {
		return ErrJudgement
	}
	return nil
}

// judgementReader takes fields off; past the end it yields zeros and is bad.
type judgementReader struct {
	b   []byte
	bad bool
}

var zeros [16]byte

func (r *judgementReader) take(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return zeros[:min(n, len(zeros))]
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *judgementReader) byte() byte { return r.take(1)[0] }

func (r *judgementReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *judgementReader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.skip(n)
	return v
}

func (r *judgementReader) skip(n int) {
	if n <= 0 {
		r.bad, r.b = true, nil
		return
	}
	r.b = r.b[n:]
}

// count reads how many follow: never more than a whole read model may change.
func (r *judgementReader) count() int {
	n := r.uvarint()
	if n > 1<<31 {
		r.bad = true
	}
	return int(min(n, 1<<31))
}
