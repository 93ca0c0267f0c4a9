package archiving

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/tidemark-io/tidemark/archive"
	"github.com/tidemark-io/tidemark/bench/history"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// judged is a log with what a fold has made of it, as an archive finds them that
// was away.
type judged struct {
	log    *eventlog.Log
	spool  *archive.Spool
	last   uint64 // message
	events uint64
}

// judge opens the log of a data directory that no service has open, and folds it.
func judge(ctx context.Context, dataDir string) (j *judged, err error) {
	j = &judged{spool: archive.NewSpool(filepath.Join(dataDir, "judged"), slog.New(slog.DiscardHandler))}
	if j.log, err = eventlog.Open(ctx, eventlog.Config{Dir: history.LogDir(dataDir)}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			j.close()
		}
	}()
	if _, j.last, err = j.log.Bounds(ctx); err != nil {
		return nil, err
	}
	if err := j.spool.Begin(0); err != nil {
		return nil, err
	}
	fold := projector.NewFold(readmodel.New(j.model()), projector.FoldOptions{Judge: func(judgement *projector.Judgement) {
		j.events += uint64(len(judgement.Verdicts))
		j.spool.Append(judgement)
	}})
	all := errors.New("all is read")
	err = j.log.Read(ctx, 1, func(m eventlog.Message) error {
		if err := fold.Message(m); err != nil || m.Seq < j.last {
			return err
		}
		return all
	})
	if !errors.Is(err, all) {
		return nil, err
	}
	return j, nil
}

func (j *judged) model() readmodel.Config {
	return readmodel.Config{Incarnation: j.log.Incarnation(), DedupeHorizon: 168 * time.Hour, OutcomeHorizon: 25 * time.Hour}
}

func (j *judged) close() {
	j.log.Close()
	j.spool.Close()
}
