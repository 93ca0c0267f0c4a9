package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark-io/tidemark/archive"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
	"github.com/tidemark-io/tidemark/query"
)

// openArchive makes the archive, where there is one. It connects to nothing: a
// database that is away keeps nobody from starting.
func (a *app) openArchive(folding *projector.Config) (err error) {
	if a.cfg.Postgres.URL == "" {
		return nil
	}
	if a.cfg.has(roleArchive) {
		a.spool = archive.NewSpool(filepath.Join(a.cfg.DataDir, "judgements"), a.logger)
		folding.Judge = a.spool.Append
	}
	folds := &replay.Folds{
		Memory: a.memory,
		Model: readmodel.Config{
			Incarnation: a.log.Incarnation(), Lineage: a.log.Lineage(),
			DedupeHorizon: a.cfg.DedupeHorizon, OutcomeHorizon: outcomeHorizon, IdentityBytes: int(a.cfg.IdentityMemory),
		},
		OnDisk: func(memory int, o projector.FoldOptions) (*projector.Scratch, error) {
			return a.projector.NewScratch(memory, o)
		},
	}
	a.archive, err = archive.New(archive.Config{
		URL: a.cfg.Postgres.URL, Schema: a.cfg.Postgres.Schema, Log: a.log, Spool: a.spool,
		Judges: func() projector.FoldID { return a.projector.Judges() }, Fold: folds.Begin, Logger: a.logger, Now: time.Now,
	})
	if err != nil {
		return fmt.Errorf("--postgres-url: %w", err)
	}
	folding.Earlier = a.archive.Earlier
	return nil
}

// startArchive starts what archives.
func (a *app) startArchive(group *parts) {
	if a.cfg.has(roleArchive) {
		group.start("archive", a.archive.Run)
	}
}

func (a *app) closeArchive() {
	if a.archive != nil {
		a.archive.Close()
	}
	if a.spool != nil {
		a.spool.Close()
	}
}

// registerArchive publishes how the archive is, where this process archives.
func (a *app) registerArchive() {
	if !a.cfg.has(roleArchive) {
		return
	}
	gauge := func(name, help string, value func() float64) {
		a.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	counter := func(name, help string, value func() float64) {
		a.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
	}
	gauge("tidemark_archive_position", "Stream sequence that is archived.", func() float64 { return float64(a.archive.Status().Position.Seq) })
	gauge("tidemark_archive_lag_messages", "Messages of the log that are not archived.", func() float64 { return float64(a.archive.Lag()) })
	gauge("tidemark_archive_up", "1 while the archive goes on, 0 while it cannot.", func() float64 {
		if s := a.archive.Status(); s.Err != nil || s.Position.Incarnation() == (events.Incarnation{}) {
			return 0
		}
		return 1
	})
	gauge("tidemark_archive_rejudge_messages", "Messages of the archive that have yet to be judged anew, since another fold serves than the one that judged.", func() float64 {
		r := a.archive.Status().Rejudge
		return float64(r.To - min(r.Done, r.To))
	})
	gauge("tidemark_archive_judgement_bytes", "Files of judgements that wait for the archive.", func() float64 { return float64(a.spool.Bytes()) })
	counter("tidemark_archive_retries_total", "Sessions with the database that failed and were begun anew.", func() float64 { return float64(a.archive.Status().Retries) })
	counter("tidemark_archive_rewinds_total", "Times that the archive was found further back than it was left: a backup was restored.", func() float64 { return float64(a.archive.Status().Rewinds) })
}

// source is where runs read the log: with what it has forgotten, if there is an
// archive.
func (a *app) source() replay.Source {
	if a.archive == nil {
		return replay.FromLog(a.log)
	}
	return a.archive.Whole()
}

// index finds what explanations are made of, if there is an archive.
func (a *app) index() replay.Index {
	if a.archive == nil {
		return nil
	}
	return a.archive.Index()
}

// archiveStatus tells operators where the archive stands, where this process writes it.
func (a *app) archiveStatus() func() query.ArchiveStatus {
	if !a.cfg.has(roleArchive) {
		return nil
	}
	return func() query.ArchiveStatus {
		now := a.archive.Status()
		status := query.ArchiveStatus{Sequence: now.Position.Seq, LagMessages: a.archive.Lag()}
		if now.Err != nil {
			status.Fault = now.Err.Error()
		}
		if r := now.Rejudge; r.To > 0 {
			status.Rejudge = &query.RejudgeStatus{Sequence: r.Done, LastSequence: r.To}
			if r.Err != nil {
				status.Rejudge.Fault = r.Err.Error()
			}
		}
		return status
	}
}

// verifiable is the archive as verifications compare it with the log.
func (a *app) verifiable() replay.Archive {
	if a.archive == nil {
		return nil
	}
	return a.archive
}

// auditCopy is the archive's copy of the audit, if there is one.
func (a *app) auditCopy() query.AuditCopy {
	if a.archive == nil {
		return nil
	}
	return a.archive
}

// histories is where the history of counters is, if there is an archive.
func (a *app) histories() query.Histories {
	if a.archive == nil {
		return nil
	}
	return a.archive
}
