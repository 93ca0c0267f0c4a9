package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark-io/tidemark/projector"
)

// needsCollector publishes who needs the log from where. Who needs none of it is
// left out.
type needsCollector struct {
	needs func() ([]projector.Need, error)
	desc  *prometheus.Desc
}

func newNeedsCollector(needs func() ([]projector.Need, error)) *needsCollector {
	return &needsCollector{needs, prometheus.NewDesc("tidemark_log_needed_sequence",
		"First message of the log that may be wanted again, by who needs it: the log cannot be trimmed beyond the least.", []string{"by"}, nil)}
}

func (c *needsCollector) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

func (c *needsCollector) Collect(to chan<- prometheus.Metric) {
	needs, err := c.needs()
	if err != nil {
		return // the other metrics are none the worse for it, and replay status tells
	}
	for _, n := range needs {
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(n.Seq), string(n.By))
	}
}
