package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/replay"
)

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// writeMetrics describe the way into the log.
type writeMetrics struct {
	batches, events, bytes, retries prometheus.Counter
	seconds, size                   prometheus.Histogram
}

func newWriteMetrics(r prometheus.Registerer) *writeMetrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		r.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets, NativeHistogramBucketFactor: 1.1})
		r.MustRegister(h)
		return h
	}
	return &writeMetrics{
		batches: counter("tidemark_log_batches_total", "Record batches written to the event log."),
		events:  counter("tidemark_log_events_total", "Events written to the event log."),
		bytes:   counter("tidemark_log_bytes_total", "Bytes of record batches written to the event log."),
		retries: counter("tidemark_log_retries_total", "Publishes of record batches beyond the first of each."),
		seconds: histogram("tidemark_log_commit_seconds", "Time from the publish of a record batch to its acknowledgement.", prometheus.ExponentialBuckets(0.0001, 2, 16)),
		size:    histogram("tidemark_log_batch_events", "Events in a record batch.", prometheus.ExponentialBuckets(1, 2, 11)),
	}
}

func (m *writeMetrics) note(b eventlog.StoredBatch) {
	m.batches.Inc()
	m.events.Add(float64(b.Events))
	m.bytes.Add(float64(b.Bytes))
	m.retries.Add(float64(b.Attempts - 1))
	m.seconds.Observe(b.Took.Seconds())
	m.size.Observe(float64(b.Events))
}

// registerGauges publishes what the parts know of themselves when asked.
func (a *app) registerGauges() {
	gauge := func(name, help string, value func() float64) {
		a.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	counter := func(name, help string, value func(projector.Stats) int64) {
		a.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(value(a.projector.Stats())) }))
	}
	verified := func(name, help string, value func(replay.VerifyStats) int64) {
		a.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(value(a.runs.VerifyStats())) }))
	}
	verified("tidemark_verify_runs_total", "Verifications that ended, of this process.", func(s replay.VerifyStats) int64 { return s.Runs })
	verified("tidemark_verify_failed_total", "Verifications that could not be brought to an end, of this process.", func(s replay.VerifyStats) int64 { return s.Failed })
	verified("tidemark_verify_scrubs_postponed_total", "Scrubs that waited for the end of a run that changes the read model, or were left out since other folds had the memory.", func(s replay.VerifyStats) int64 { return s.Postponed })
	flag := func(set bool) float64 {
		if set {
			return 1
		}
		return 0
	}
	counter("tidemark_projector_messages_total", "Messages folded by this process.", func(s projector.Stats) int64 { return s.Messages })
	counter("tidemark_projector_events_total", "Events folded by this process.", func(s projector.Stats) int64 { return s.Events })
	counter("tidemark_projector_dead_letters_total", "Dead letters recorded by this process.", func(s projector.Stats) int64 { return s.DeadLetters })
	counter("tidemark_projector_rebuilds_total", "Rebuilds of the read model because its checkpoint was in doubt.", func(s projector.Stats) int64 { return s.Rebuilds })
	counter("tidemark_checkpoints_total", "Checkpoints written.", func(s projector.Stats) int64 { return s.Checkpoints })
	counter("tidemark_checkpoints_failed_total", "Checkpoints that failed and are tried again.", func(s projector.Stats) int64 { return s.CheckpointsFailed })
	counter("tidemark_checkpoints_postponed_total", "Checkpoints put off for want of disk space.", func(s projector.Stats) int64 { return s.CheckpointsPostponed })
	gauge("tidemark_checkpoint_seconds", "Duration of the last checkpoint.", func() float64 { return a.projector.Stats().CheckpointSeconds })
	gauge("tidemark_checkpoint_sequence", "Stream sequence of the last checkpoint.", func() float64 { return float64(a.projector.Stats().Saved.Seq) })
	gauge("tidemark_projector_sequence", "Stream sequence that is folded.", func() float64 { return float64(a.projector.Snapshot().At.Seq) })
	gauge("tidemark_projector_lag_events", "Events in the log that are not folded.", func() float64 { return float64(a.projector.Lag().Events) })
	gauge("tidemark_projector_lag_seconds", "Age of what is folded while something is not; 0 when nothing is behind.", func() float64 { return a.projector.Lag().Seconds })
	gauge("tidemark_projector_stopped", "1 when the fold has stopped on a fault.", func() float64 { return flag(a.projector.Fault() != nil) })
	gauge("tidemark_projector_stalled", "1 while the fold stands still although the log holds more.", func() float64 { return flag(a.projector.Stalled()) })
	gauge("tidemark_ready", "1 when the service is ready.", func() float64 { return flag(a.readiness() == nil) })
	gauge("tidemark_read_model_videos", "Videos in the read model.", func() float64 { return float64(a.projector.Stats().Sizes.Videos) })
	gauge("tidemark_read_model_users", "Users in the read model.", func() float64 { return float64(a.projector.Stats().Sizes.Users) })
	gauge("tidemark_read_model_likes", "Like pairs in the read model, taken back ones included.", func() float64 { return float64(a.projector.Stats().Sizes.Likes) })
	gauge("tidemark_read_model_identities", "Identities of outside events that are remembered.", func() float64 { return float64(a.projector.Stats().Sizes.Identities) })
	gauge("tidemark_read_model_identities_sealed", "Identities that lie in the checkpoint behind filters.", func() float64 { return float64(a.projector.Stats().Sizes.SealedIdentities) })
	gauge("tidemark_read_model_identity_table_bytes", "Memory of the identities that are not sealed.", func() float64 { return float64(a.projector.Stats().Sizes.IdentityTableBytes) })
	gauge("tidemark_read_model_identity_filter_bytes", "Memory of the filters of sealed identities.", func() float64 { return float64(a.projector.Stats().Sizes.IdentityFilterBytes) })
	gauge("tidemark_read_model_fold_changed", "1 while a read model serves that the fold of another binary made.", func() float64 {
		_, changed := a.projector.FoldChanged()
		return flag(changed)
	})
	gauge("tidemark_verify_differences", "Keys in which the read model was not what the log says, by the last verification.", func() float64 { return float64(a.runs.VerifyStats().Differences) })
	gauge("tidemark_verify_last_success_timestamp_seconds", "When the last verification ended that found no difference; 0 if none did.", func() float64 { return float64(a.runs.VerifyStats().LastSuccess) })
	a.registry.MustRegister(newNeedsCollector(a.projector.Needs))
	gauge("tidemark_log_queue_entries", "Commands that wait for a record batch.", func() float64 { return float64(a.writer.Stats().QueueEntries) })
	gauge("tidemark_log_stalled", "1 while the event log makes no progress.", func() float64 { return flag(a.writer.Stalled()) })
	gauge("tidemark_http_connections", "Connections of clients that are open.", func() float64 {
		open, _ := a.http.Connections()
		return float64(open)
	})
	a.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "tidemark_http_connections_refused_total", Help: "Connections refused because as many were open as are kept.",
	}, func() float64 {
		_, refused := a.http.Connections()
		return float64(refused)
	}))
	gauge("tidemark_jwks_file_unusable", "1 while --jwks-file cannot be read, or holds no good key set (the keys read before stay good), or one without keys (no token is good).", func() float64 { return flag(a.keyFile != nil && a.keyFile.Fault()) })
	gauge("tidemark_disk_free_bytes", "Free space under the data directory.", func() float64 { return float64(a.disk.free.Load()) })
}
