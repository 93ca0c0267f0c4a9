package readmodel

import (
	"cmp"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// Config is what a read model needs to know from the start.
type Config struct {
	// Incarnation of the log that is folded.
	Incarnation events.Incarnation
	// Lineage lists the incarnations that it had before.
	Lineage events.Lineage
	// DedupeHorizon is how long identities of outside events are remembered,
	// by log time. The contract promises 7 days.
	DedupeHorizon time.Duration
	// IdentityBytes bounds the memory of identities that are not sealed: past it
	// those that are oldest go to the checkpoint. It changes no answer.
	// Default 256 MiB.
	IdentityBytes int
	// OutcomeHorizon is how long outcomes of commands with an Idempotency-Key
	// are remembered, by log time. The contract promises 24 hours.
	OutcomeHorizon time.Duration
	// Generation of a new model: higher than that of any other that served this
	// incarnation. A model that is loaded keeps its own.
	Generation uint32
	// Space is where the flat tables lie; nil for the heap.
	Space Space
}

const defaultIdentityBytes = 256 << 20

// Model is the read model: all tables, as of one position of the log.
//
// One goroutine, the fold, calls the methods that change it, between Begin and
// Publish for each record batch. Anybody reads Videos and Users at any time,
// and everything else through Snapshot.
type Model struct {
	Videos   *Videos
	Users    *Users
	Trending *Trending

	seen *Seen
	rows *Rows
	cfg  Config

	// generation counts the read models that have served this incarnation.
	generation uint32
	auditEnd   *auditEnd       // newest entry of the audit; nil before it was looked for
	at         events.Position // of the event being folded
	logTime    events.Time     // the greatest append time so far
	folded     uint64          // events folded since the log began
	abandoned  bool            // a record batch could not be folded whole
	snapshot   atomic.Pointer[Snapshot]
	image      *Image // planned, or frozen and not kept yet

	// ahead is what was found out about the record batch that is being folded; nil
	// for nothing. Before the event expected, what comes next has to be asked for.
	ahead    *Ahead
	expected int
}

// Snapshot is the read model as of one position: what a query reads. Rows in
// it never change; counters are read at their newest.
type Snapshot struct {
	// At is the last position folded.
	At events.Position
	// Tag is the tag of the record batch at At.Seq.
	Tag uint32
	// LogTime is the greatest append time folded.
	LogTime events.Time
	// Folded counts the events folded since the log began.
	Folded uint64
	// Sizes says how much the tables held then.
	Sizes Sizes

	incarnation events.Incarnation
	generation  uint32
	// token is the Tidemark-Position of an answer that holds nothing newer
	// than At, as a header's value, shared by all of them.
	token []string
	rows  View
}

// Sizes counts the entries of the tables.
type Sizes struct {
	Videos, Users, Likes, Identities int
	// SealedIdentities is how many of the identities lie in the checkpoint only.
	SealedIdentities int
	// IdentityTableBytes is what the others take in memory, and
	// IdentityFilterBytes what the filters of the sealed ones take.
	IdentityTableBytes, IdentityFilterBytes int
	// DirtyBytes is about how much the next checkpoint will hold.
	DirtyBytes int
}

// New returns an empty read model, before the first event of the log.
func New(cfg Config) *Model {
	m := &Model{
		Videos: newVideos(cfg.Space), Users: newUsers(cfg.Space), Trending: newTrending(),
		seen: newSeen(cfg.DedupeHorizon, cmp.Or(cfg.IdentityBytes, defaultIdentityBytes)), rows: newRows(), cfg: cfg, generation: cfg.Generation,
	}
	m.Trending.lean = cfg.Space != nil
	m.publish(0)
	return m
}

// Snapshot returns the newest published state.
func (m *Model) Snapshot() *Snapshot { return m.snapshot.Load() }

// Begin opens the record batch with that sequence, appended at stored. Log
// time never goes back, whatever the broker's clock does.
func (m *Model) Begin(seq uint64, stored time.Time) {
	before := m.logTime
	m.logTime = max(m.logTime, events.TimeOf(stored))
	m.at = events.Position{Seq: seq}
	m.ahead, m.expected = nil, math.MaxInt
	m.Trending.mu.Lock()
	if minuteOf(before) != minuteOf(m.logTime) {
		m.Trending.advance(m.logTime)
		m.expireRows()
	}
	if hourOf(before) != hourOf(m.logTime) {
		m.seen.expire(m.logTime)
	}
}

func minuteOf(t events.Time) int64 { return floorDiv(int64(t), time.Minute.Microseconds()) }

// Step moves to the event with that index in the record batch.
func (m *Model) Step(index uint16) {
	m.at.Index = index
	m.folded++
	m.reach(index)
}

// At is the position of the event being folded, or of the last one folded.
func (m *Model) At() events.Position { return m.at }

// LogTime is the greatest append time so far.
func (m *Model) LogTime() events.Time { return m.logTime }

// Publish closes the record batch and shows readers its effects.
func (m *Model) Publish(tag uint32) {
	m.Trending.mu.Unlock()
	m.publish(tag)
}

// Abandon closes a record batch that could not be folded. No snapshot shows it:
// positions and rows stay as they were, and counters may run ahead of them by
// what was folded of it. The model must not be folded on, nor frozen.
func (m *Model) Abandon() {
	m.abandoned = true
	m.rows.rollback()
	m.Trending.mu.Unlock()
}

func (m *Model) publish(tag uint32) {
	s := &Snapshot{
		At: m.at, Tag: tag, LogTime: m.logTime, Folded: m.folded,
		Sizes: Sizes{
			Videos: int(m.Videos.count), Users: int(m.Users.count), Likes: m.Users.pairs,
			Identities: m.seen.count, SealedIdentities: m.seen.sizes.sealed,
			IdentityTableBytes: m.seen.sizes.tableBytes, IdentityFilterBytes: m.seen.sizes.filterBytes,
			DirtyBytes: m.DirtyBytes(),
		},
		incarnation: m.cfg.Incarnation, generation: m.generation, rows: m.rows.view(),
	}
	s.token = []string{s.Token(s.At).String()}
	m.snapshot.Store(s)
}

// SetGeneration gives the model a generation: it is shown from now on, and part
// of the next checkpoint. Between Publish and Begin only.
func (m *Model) SetGeneration(generation uint32) {
	m.generation = generation
	m.publish(m.snapshot.Load().Tag)
}

// Retire lets go of the checkpoint that the rows lie in, for a model that nobody
// folds into any more. Snapshots that are held stay readable.
func (m *Model) Retire() {
	if m.rows.base != nil {
		m.rows.base.Release()
	}
}

// Token returns the position token of an answer whose newest part lies at
// ceiling and that was begun with this snapshot.
func (s *Snapshot) Token(ceiling events.Position) events.Token {
	t := events.Token{Incarnation: s.incarnation, Floor: s.At, Ceiling: s.At, Generation: s.generation}
	if ceiling.Compare(s.At) > 0 {
		t.Ceiling = ceiling
	}
	if t.Ceiling.Seq == s.At.Seq {
		t.Tag = s.Tag
	}
	return t
}

// Hold keeps the rows of the snapshot readable until Release. It returns false
// for a snapshot that came out of use before anybody held it: take a newer one,
// which is there within the time that the fold takes to add a record batch's rows.
// Who reads rows holds the snapshot; counters need no hold.
func (s *Snapshot) Hold() bool { return s.rows.keep() && (s.rows.base == nil || s.rows.base.Acquire()) }

// Release ends what Hold began.
func (s *Snapshot) Release() {
	if s.rows.base != nil {
		s.rows.base.Release()
	}
}

// TokenHeader returns the token of an answer that holds nothing newer than At,
// as the value of a header. It is shared and must not be changed.
func (s *Snapshot) TokenHeader() []string { return s.token }

// Incarnation names the log that was folded.
func (s *Snapshot) Incarnation() events.Incarnation { return s.incarnation }

// Generation counts the read models that have served this incarnation.
func (s *Snapshot) Generation() uint32 { return s.generation }

// Digest sums up the whole state at the present position. Between Publish and
// Begin only.
func (m *Model) Digest() Digest {
	d := Digest{At: m.at, Folded: m.folded, LogTime: m.logTime}
	d.Tables[0] = m.Videos.digest
	if c := m.Videos.capture; c != nil {
		c.rest()
		d.Tables[0] += c.sum.Load()
	}
	for _, number := range m.Videos.dirty.list {
		d.Tables[0] += m.Videos.slot(number).digest()
	}
	d.Tables[1] = m.Users.digest
	d.Tables[2] = m.seen.sum()
	d.Tables[3] = m.Trending.digest()
	d.Tables[4] = m.rows.digest
	return d
}

// Digest is the state in a few words: equal logs give equal digests.
type Digest struct {
	At      events.Position
	Folded  uint64
	LogTime events.Time
	// Tables holds the sums of videos, users with likes, seen identities,
	// trending, rows.
	Tables [5]uint64
}

// Sum is the digest as one number.
func (d Digest) Sum() uint64 {
	sum := digestStart(0).word(d.At.Packed()).word(d.Folded).word(uint64(d.LogTime))
	for _, t := range d.Tables {
		sum = sum.word(t)
	}
	return sum.sum()
}

// String returns the digest as "position sum".
func (d Digest) String() string { return fmt.Sprintf("%v %016x", d.At, d.Sum()) }
