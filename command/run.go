package command

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// plan is a command whose request has been understood: what is to be checked
// and which events follow.
type plan struct {
	kind events.CommandKind
	// judged: the fold decides the outcome, and the answer tells it.
	judged bool
	// framed: it has several events and is not judged.
	framed bool
	// privileged: the caller acts by a role and not as the owner.
	privileged bool
	reason     []byte
	// at is the moment by which the request was judged, where it was: the
	// command is remembered as taken then.
	at time.Time
	// check looks at state; it runs after what this node acknowledged before
	// is folded, and not for a repeat.
	check func(state *readmodel.Snapshot) error
	// write appends the events and returns how many.
	write func(w *entryWriter) int
	// frames holds so many events that are encoded already, in place of write. They
	// must not change while what became of the command is not known.
	frames []byte
	events int
}

// smallEntryBytes holds a command's frame and an event: what most commands are.
const smallEntryBytes = 128

// verdict is what became of a command.
type verdict struct {
	token events.Token
	// outcome is set for judged commands and those with a key, unless pending.
	outcome readmodel.Outcome
	// pending: the events are in the log, the fold has not got there in time.
	pending bool
}

// entryWriter collects the frames of a command's events.
type entryWriter struct {
	frames []byte
	now    events.Time
	id     events.CommandID
	minted uint32
}

// add appends an event that happens now, at a time nobody but us has said.
func (w *entryWriter) add(t events.Type, d events.Data) { w.addAt(t, w.now, true, d) }

func (w *entryWriter) addAt(t events.Type, at events.Time, arrival bool, d events.Data) {
	w.frames = events.AppendEvent(w.frames, events.Meta{Type: t, Time: at, Arrival: arrival}, d)
}

// mint returns an ID for something that the caller did not name: the same one
// when a command with a key is repeated, and unforeseeable otherwise.
func (w *entryWriter) mint() [16]byte {
	w.minted++
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(append([]byte("minted"), w.id[:]...), w.minted))
	id := [16]byte(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // RFC 9562, version 8
	return id
}

// run takes a command from check to outcome. The error is one of api's problems.
func (s *Service) run(c *api.Call, p plan) (verdict, error) {
	if err := c.Settle(c.Context()); err != nil {
		return verdict{}, err
	}
	if err := s.open(); err != nil {
		return verdict{}, err
	}
	if err := s.settle(c.Context(), s.gate.Load()); err != nil {
		return verdict{}, err
	}
	if p.at.IsZero() {
		p.at = s.cfg.Now()
	}
	cmd := events.Command{Kind: p.kind, Actor: c.Caller.ID, Privileged: p.privileged, Reason: p.reason, Time: events.TimeOf(p.at)}
	if c.Key != "" {
		cmd.Keyed, cmd.ID, cmd.Request = true, commandID(c), requestHash(c)
		release, err := s.claim(cmd.ID)
		if err != nil {
			return verdict{}, err
		}
		defer release()
		if v, found, err := s.remembered(&cmd); found || err != nil {
			return v, err
		}
		if s.beganRun(&cmd) {
			return verdict{}, api.KeyReused
		}
	} else if p.judged || p.framed {
		cmd.ID = randomID()
	}
	if err := s.admit(c, &p); err != nil {
		return verdict{}, err
	}
	return s.commit(c, &p, &cmd)
}

// judgedAt returns the moment by which a request's times are judged: now or,
// for the repeat of a command with a key, when it was first taken. Else a repeat
// could be refused, or taken otherwise, only because time has passed.
func (s *Service) judgedAt(c *api.Call) (time.Time, *readmodel.Outcome, error) {
	if c.Key == "" {
		return s.cfg.Now(), nil, nil
	}
	if err := c.Settle(c.Context()); err != nil {
		return time.Time{}, nil, err
	}
	if err := s.settle(c.Context(), s.gate.Load()); err != nil {
		return time.Time{}, nil, err
	}
	cmd := events.Command{ID: commandID(c), Request: requestHash(c)}
	v, found, err := s.remembered(&cmd)
	if err != nil || !found {
		return s.cfg.Now(), nil, err
	}
	return v.outcome.Time.Std(), &v.outcome, nil
}

// open refuses commands while they cannot be carried out.
func (s *Service) open() error {
	if err := s.cfg.MayWrite(); err != nil {
		return api.StorageFull.Because(err)
	}
	if err := s.cfg.Fold.Fault(); err != nil {
		return api.LogUnavailable.Because(err)
	}
	return nil
}

// claim takes a key for this request; another under way has it to itself.
func (s *Service) claim(id events.CommandID) (release func(), err error) {
	s.runningMu.Lock()
	defer s.runningMu.Unlock()
	if _, taken := s.running[id]; taken {
		return nil, api.KeyInUse
	}
	s.running[id] = struct{}{}
	return func() {
		s.runningMu.Lock()
		defer s.runningMu.Unlock()
		delete(s.running, id)
	}, nil
}

// remembered looks for what the fold has kept of a command with a key.
func (s *Service) remembered(cmd *events.Command) (verdict, bool, error) {
	var outcome readmodel.Outcome
	var found bool
	err := s.cfg.Fold.Read(func(state *readmodel.Snapshot) (err error) {
		outcome, found, err = state.Outcome(cmd.ID)
		return err
	})
	if err != nil || !found {
		return verdict{}, false, err
	}
	if outcome.Request != cmd.Request {
		return verdict{}, true, api.KeyReused
	}
	return verdict{token: s.token(outcome.Position, outcome.Tag), outcome: outcome}, true, nil
}

// beganRun reports whether the command's key was used to begin a run.
func (s *Service) beganRun(cmd *events.Command) bool {
	if s.cfg.Runs == nil {
		return false
	}
	_, found, _ := s.cfg.Runs.Began(&replay.Once{Key: cmd.ID, Request: cmd.Request})
	return found
}

// settle waits until a position that this node has acknowledged is folded, so
// that what is judged next is judged by it.
func (s *Service) settle(ctx context.Context, packed uint64) error {
	at := events.UnpackPosition(packed)
	if s.cfg.Fold.Snapshot().At.Compare(at) >= 0 {
		return nil // as good as always, and without the 3 µs of a context
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WaitLimit)
	defer cancel()
	if err := s.cfg.Fold.WaitFor(ctx, at); err != nil {
		return api.StaleReadModel.With("What this node has acknowledged before is not folded yet, and this is judged by it; ask again.")
	}
	return nil
}

// admit checks the caller and the state.
func (s *Service) admit(c *api.Call, p *plan) error {
	if c.Caller.Known && s.cfg.Fold.Model().Users.Blocked(c.Caller.ID) {
		return api.AccountBlocked
	}
	if p.check == nil {
		return nil
	}
	return s.cfg.Fold.Read(p.check)
}

// commit writes the command's entry to the log and waits for the outcome where
// one is asked for.
func (s *Service) commit(c *api.Call, p *plan, cmd *events.Command) (verdict, error) {
	w := entryWriter{now: cmd.Time, id: cmd.ID, frames: make([]byte, 0, smallEntryBytes)}
	framed := p.judged || p.framed || cmd.Keyed
	if framed {
		w.frames = events.AppendCommand(w.frames, *cmd)
	}
	cmd.Events = p.events
	if p.write != nil {
		cmd.Events = p.write(&w)
	}
	if framed {
		_ = events.AppendCommand(w.frames[:0], *cmd) // in its place: now the number of events is known
	}
	entry := events.Entry{Bytes: w.frames, Events: cmd.Events}
	if len(p.frames) > 0 {
		entry.Head, entry.Bytes = w.frames, p.frames
	}
	if p.judged || cmd.Keyed {
		return s.commitJudged(c, cmd, entry)
	}
	receipt, err := s.store(c.Context(), entry)
	if err != nil {
		return verdict{}, err
	}
	return verdict{token: s.token(receipt.Position, receipt.Tag)}, nil
}

// commitJudged commits a command and waits for what the fold makes of it.
func (s *Service) commitJudged(c *api.Call, cmd *events.Command, entry events.Entry) (verdict, error) {
	expectation := s.cfg.Fold.Expect(cmd.ID)
	defer expectation.Forget()
	receipt, err := s.store(c.Context(), entry)
	if err != nil {
		return verdict{}, err
	}
	raise(&s.gate, receipt.Position)
	v := verdict{token: s.token(receipt.Position, receipt.Tag)}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), s.cfg.WaitLimit)
	defer cancel()
	v.outcome, err = expectation.Wait(ctx)
	switch {
	case err != nil:
		v.pending = true
	case v.outcome.OtherRequest, cmd.Keyed && v.outcome.Request != cmd.Request:
		// Another request under this key was folded first: here before it came to
		// the log, or on another node at the same time.
		return verdict{}, api.KeyReused
	case cmd.Kind != events.IngestEvents && cmd.Kind != events.RedriveDeadLetters && v.outcome.Count(readmodel.Poisoned) > 0:
		return verdict{}, fmt.Errorf("%v at %v became a dead letter: the fold refuses what the write side let pass", cmd.Kind, v.outcome.Position)
	default:
		v.token = s.token(v.outcome.Position, v.outcome.Tag)
	}
	return v, nil
}

func (s *Service) store(ctx context.Context, entry events.Entry) (eventlog.Receipt, error) {
	// A client that goes away does not take its command back: it may be under
	// way already, and half of its batch mates' answers would be lost with it.
	receipt, err := s.cfg.Log.CommitWithin(context.WithoutCancel(ctx), s.cfg.CommitLimit, entry)
	switch {
	case err == nil:
		raise(&s.acked, receipt.Position)
		return receipt, nil
	case errors.Is(err, eventlog.ErrTooLarge):
		return receipt, api.CommandTooLarge
	case errors.Is(err, eventlog.ErrRejected):
		return receipt, api.LogUnavailable.Because(err)
	default:
		return receipt, api.OutcomeUnknown.Because(err)
	}
}

// raise sets a position unless a later one stands.
func raise(to *atomic.Uint64, at events.Position) {
	for {
		old := to.Load()
		if at.Packed() <= old || to.CompareAndSwap(old, at.Packed()) {
			return
		}
	}
}

// token is the position of a command: floor and ceiling are where its last
// event lies.
func (s *Service) token(at events.Position, tag uint32) events.Token {
	snapshot := s.cfg.Fold.Snapshot()
	return events.Token{
		Incarnation: snapshot.Incarnation(), Generation: snapshot.Generation(),
		Floor: at, Ceiling: at, Tag: tag,
	}
}

// accept runs a command whose answer is its position alone.
func (s *Service) accept(c *api.Call, p plan) error {
	v, err := s.run(c, p)
	if err != nil {
		return err
	}
	return c.Accepted(v.token)
}

// batchStatus is 200, or 202 for an outcome that is still pending.
func (v *verdict) batchStatus() int {
	if v.pending {
		return http.StatusAccepted
	}
	return http.StatusOK
}

// commandID derives the ID of a command from who asks and the key, so that a
// repeat has the same one on every node.
func commandID(c *api.Call) events.CommandID {
	sum := sha256.Sum256(append(append([]byte("key"), c.Caller.ID[:]...), c.Key...))
	return events.CommandID(sum[:16])
}

// requestHash tells two requests under one key apart.
func requestHash(c *api.Call) events.RequestHash {
	h := sha256.New()
	for _, part := range [...]string{c.Method(), c.Path()} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	h.Write(c.Body)
	return events.RequestHash(h.Sum(nil)[:16])
}

func randomID() events.CommandID {
	id, err := uuid.NewRandomFromReader(rand.Reader)
	if err != nil {
		panic(fmt.Sprintf("read random bytes: %v", err)) // crypto/rand never fails
	}
	return events.CommandID(id)
}
