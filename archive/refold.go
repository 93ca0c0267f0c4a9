package archive

import (
	"context"
	"errors"
	"fmt"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
)

// refold archives from next on what the fold that serves has judged before this
// archive asked for it: by a fold of its own, from the log's beginning, that is
// thrown away when it has come to where the spool begins. It returns the message
// that comes next.
//
// It is needed when an archive is added to a log, and when a backup of the
// database was restored; or after the end of the spool was lost.
func (s *session) refold(ctx context.Context, next uint64, b *buffer) (_ uint64, err error) {
	until := s.cfg.Spool.First() - 1
	if until < next {
		return next, nil
	}
	source := s.Whole()
	first, _, err := source.Bounds(ctx)
	if err != nil {
		return next, fmt.Errorf("find what to judge messages %d to %d from: %w", next, until, err)
	}
	if first > 1 {
		return next, fmt.Errorf("%w: messages %d to %d are to be judged by a fold from the beginning, and archive and log begin at %d; restore a newer backup of the archive",
			eventlog.ErrGap, next, until, first)
	}
	s.cfg.Logger.Info("the archive folds the log anew to judge what it lacks", "from", next, "to", until)
	var judged *projector.Judgement
	fold, err := s.cfg.Fold("the archive's fold", projector.FoldOptions{Judge: func(j *projector.Judgement) {
		judged = j
		judged.Fold = s.sameAs(j.Fold)
	}})
	if err != nil {
		return next, fmt.Errorf("judge messages %d to %d: %w", next, until, err)
	}
	defer func() { err = errors.Join(err, fold.Close()) }()
	err = source.Read(ctx, 1, until, func(m eventlog.Message) error {
		if err := fold.Message(m); err != nil {
			return err
		}
		if m.Seq < next {
			return nil
		}
		return b.add(ctx, &m, judged)
	})
	if err != nil {
		return next, fmt.Errorf("judge messages %d to %d: %w", next, until, err)
	}
	return until + 1, nil
}
