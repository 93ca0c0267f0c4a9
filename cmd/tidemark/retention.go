package main

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/replay"
	"github.com/tidemark-io/tidemark/projector/retention"
	"github.com/tidemark-io/tidemark/query"
)

// openRetention makes what lets the log forget, where something else holds that.
func (a *app) openRetention() {
	if a.cfg.LogKeep == 0 {
		return
	}
	cfg := retention.Config{Log: a.log, Keep: a.cfg.LogKeep, Needs: a.needs, Logger: a.logger, Now: time.Now}
	if a.archive != nil { // whoever writes it
		cfg.Archive = a.archive.Source()
	}
	if a.cfg.SnapshotInterval > 0 {
		cfg.Snapshots, cfg.Renew = a.snapshots, a.projector.RenewSnapshot
	}
	a.retention = retention.New(cfg)
}

// needs returns who needs the log from where: the read models, and without an archive
// the runs that read it.
func (a *app) needs() ([]projector.Need, error) {
	needs, err := a.projector.Needs()
	if err != nil {
		return nil, err
	}
	if a.archive != nil {
		return needs, nil
	}
	for _, run := range a.runs.List() {
		if run.State == replay.StateRunning {
			needs = append(needs, projector.Need{By: byRun, Why: fmt.Sprintf("run %s, which may read all of it", run.ID)})
		}
	}
	return needs, nil
}

// byRun is a run under way, of what keeps messages in the log.
const byRun projector.NeededBy = "run"

func (a *app) startRetention(group *parts) {
	if a.retention != nil {
		group.start("retention", a.retention.Run)
	}
}

// retentionStatus tells operators what keeps the log from forgetting more, where this
// process lets it.
func (a *app) retentionStatus() func() query.RetentionStatus {
	if a.retention == nil {
		return nil
	}
	return func() query.RetentionStatus {
		now := a.retention.Status()
		status := query.RetentionStatus{
			KeepSeconds: a.cfg.LogKeep.Seconds(), TrimmedMessages: now.Trimmed,
			HeldFrom: now.Held.Seq, HeldBy: string(now.Held.By), Why: now.Held.Why,
		}
		if now.Err != nil {
			status.Fault = now.Err.Error()
		}
		return status
	}
}

// registerRetention publishes how retention goes, where this process has it.
func (a *app) registerRetention() {
	if a.retention == nil {
		return
	}
	a.registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "tidemark_retention_trimmed_messages_total", Help: "Messages that this process had the log forget."},
			func() float64 { return float64(a.retention.Status().Trimmed) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tidemark_retention_held_sequence", Help: "First message that the log must keep, as of the last cycle; 0 before the first."},
			func() float64 { return float64(a.retention.Status().Held.Seq) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tidemark_retention_up", Help: "1 while the log is trimmed, 0 while that fails."},
			func() float64 {
				if a.retention.Status().Err != nil {
					return 0
				}
				return 1
			}),
	)
}
