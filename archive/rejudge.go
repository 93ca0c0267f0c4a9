package archive

import (
	"context"
	"fmt"
	"runtime"

	"github.com/jackc/pgx/v5"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
)

// What is archived is as the fold judged that served then. Where another fold serves
// since (a later version of it, or a model that took the place of one that it differs
// from), the messages of before are judged anew, by a fold of this binary from the
// log's beginning, beside the archiving of what comes.
//
// Effects are rewritten from the first message on, those of some messages and how far
// it has come in one transaction. The history stays as it was, plus what comes, until
// all are done: how it will change is kept apart, and added to it in one transaction.
// So history plus rejudged_history is at any time what the events say.

// rejudge is what of the archive is judged anew.
type rejudge struct {
	to   *uint64 // the last message that is; nil where none are
	done uint64  // the last one that was, ...
	by   int     // ... by that version of the fold
}

// upTo has messages judged anew. Those that are done need it no more: they are as
// this binary's fold says, and no other.
func (r *rejudge) upTo(seq uint64) {
	if r.to == nil || *r.to < seq {
		r.to = &seq
	}
}

// doneHere is the last message that is as this binary's fold says.
func (r *rejudge) doneHere() uint64 {
	if r.by == projector.CurrentFold().Version {
		return r.done
	}
	return 0
}

// retreat forgets the messages behind a sequence.
func (r *rejudge) retreat(last uint64) {
	if r.to != nil && *r.to > last {
		r.to = &last
		r.done = min(r.done, last)
	}
}

// judgedBy notes which fold judges what comes next.
func (p *Position) judgedBy(id projector.FoldID) {
	if p.fold != id && p.Seq > 0 {
		p.rejudge.upTo(p.Seq)
	}
	p.fold = id
}

// sameAs is the fold that serves where that is of the same version as a fold of the
// archive's own, from which it differs in nothing then.
func (a *Archive) sameAs(own projector.FoldID) projector.FoldID {
	if a.cfg.Judges != nil {
		if serves := a.cfg.Judges(); serves.Version == own.Version {
			return serves
		}
	}
	return own
}

// followFold notes that another fold serves where no message tells.
func (s *session) followFold(ctx context.Context) error {
	if s.cfg.Judges == nil {
		return nil
	}
	last, serves := s.cfg.Spool.Last(), s.cfg.Judges()
	if serves == s.position.fold || last != s.position.Seq {
		return nil
	}
	err := s.move(ctx, s.conn, s.cfg.WriteLimit, func(_ context.Context, _ pgx.Tx, next *Position) error {
		next.judgedBy(serves)
		return nil
	})
	if err != nil {
		return fmt.Errorf("note which fold judges: %w", err)
	}
	return nil
}

// tellDoubt tells that messages are to be judged anew, if any are.
func (s *session) tellDoubt(p *Position) {
	if p.rejudge.to == nil {
		return
	}
	select {
	case s.doubted <- struct{}{}:
	default:
	}
}

// rejudgeAlways judges anew whenever something is to be, until the context ends.
// Archiving goes on whatever goes wrong with it.
func (s *session) rejudgeAlways(ctx context.Context) {
	var retry pauses
	for {
		select {
		case <-s.doubted:
		case <-ctx.Done():
			return
		}
		for {
			err := s.rejudge(ctx)
			if ctx.Err() != nil {
				return
			}
			s.noteRejudge(err)
			if err == nil {
				retry.reset()
				break
			}
			if !retry.wait(ctx) {
				return
			}
		}
	}
}

// noteRejudge notes how judging anew has ended, and tells each reason once.
func (s *session) noteRejudge(err error) {
	s.mu.Lock()
	old := s.status.Rejudge.Err
	s.status.Rejudge.Err = err
	s.mu.Unlock()
	if err != nil && (old == nil || old.Error() != err.Error()) {
		s.cfg.Logger.Error("the archive is not judged anew; it is tried again", "archive", s.Where(), "error", err)
	}
}

// rejudge judges anew what is to be. Where that fails, its fold is kept for the next try,
// or the next session.
func (s *session) rejudge(ctx context.Context) error {
	now, err := readPosition(ctx, s.pool, "")
	if err != nil {
		return err
	}
	if now.rejudge.to == nil {
		s.leaveFold()
		return nil
	}
	r, err := s.resume(ctx, &now)
	if err != nil {
		return err
	}
	for now.rejudge.to != nil {
		if err := r.upTo(ctx, s.Whole().Read, *now.rejudge.to); err != nil {
			return fmt.Errorf("judge messages up to %d anew: %w", *now.rejudge.to, err)
		}
		if now, err = r.end(ctx); err != nil {
			return fmt.Errorf("change the history to what was judged anew: %w", err)
		}
	}
	s.cfg.Logger.Info("the archive is as the fold that serves judges", "messages", r.next-1, "rewritten", r.rewritten)
	s.leaveFold()
	return nil
}

// resume returns the rejudgement that was under way, or begins one.
func (s *session) resume(ctx context.Context, now *Position) (*rejudgement, error) {
	if r := s.judging; r != nil && r.goesOn(&now.rejudge) {
		r.session = s
		return r, nil
	}
	s.leaveFold()
	first, _, err := s.Whole().Bounds(ctx)
	if err != nil {
		return nil, fmt.Errorf("find what to judge anew: %w", err)
	}
	if first > 1 {
		return nil, fmt.Errorf("%w: it takes a fold from the beginning, and archive and log begin at message %d; restore what was before from a backup of the archive", eventlog.ErrGap, first)
	}
	r := &rejudgement{session: s, next: 1, want: newChunk(), done: now.rejudge.doneHere()}
	r.fold, err = s.cfg.Fold("the archive, judged anew", projector.FoldOptions{Judge: func(j *projector.Judgement) { r.judged = j }})
	if err != nil {
		return nil, fmt.Errorf("begin a fold to judge anew: %w", err)
	}
	s.judging = r
	s.cfg.Logger.Info("the archive is judged anew: another fold serves than the one that judged", "to", *now.rejudge.to, "done", r.done)
	return r, nil
}

// leaveFold ends the fold that judges anew, if there is one.
func (a *Archive) leaveFold() {
	if a.judging == nil {
		return
	}
	if err := a.judging.fold.Close(); err != nil {
		a.cfg.Logger.Warn("the fold that judged the archive anew did not end well", "error", err)
	}
	a.judging = nil
}

// upTo judges messages anew from the next one to the last one given.
func (r *rejudgement) upTo(ctx context.Context, read projector.ReadFunc, last uint64) error {
	lives, err := livesOf(ctx, r.pool)
	if err == nil {
		err = r.flush(ctx) // what a try before this has left
	}
	if err != nil {
		return err
	}
	for _, l := range lives {
		end := min(l.last, last)
		if r.next < l.first || r.next > end {
			continue
		}
		r.want.reset(l.log)
		err := read(ctx, r.next, end, func(m eventlog.Message) error {
			runtime.Gosched() // others have more to do
			if err := r.message(&m); err != nil || r.want.size() < r.cfg.ChunkBytes {
				return err
			}
			return r.flush(ctx)
		})
		if err == nil {
			err = r.flush(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
