package api

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts requests by the route's template, never by the path, so that
// clients cannot make the number of series grow.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// unmatchedRoute stands for all paths and methods that no route has.
const unmatchedRoute = "unmatched"

// durationBuckets reach from a poll that is answered from memory to a command
// that waits for a slow disk, in seconds.
var durationBuckets = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// newMetrics registers the series. Two servers may share a registry.
func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidemark_http_requests_total",
			Help: "HTTP requests answered, by route, method and class of status.",
		}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tidemark_http_request_duration_seconds",
			Help:    "Time from the request's header read to the answer written.",
			Buckets: durationBuckets,
		}, []string{"route", "method"}),
	}
	if registry == nil {
		return m, nil
	}
	var err error
	if m.requests, err = register(registry, m.requests); err != nil {
		return nil, err
	}
	if m.duration, err = register(registry, m.duration); err != nil {
		return nil, err
	}
	return m, nil
}

func register[C prometheus.Collector](registry prometheus.Registerer, collector C) (C, error) {
	err := registry.Register(collector)
	var there prometheus.AlreadyRegisteredError
	if errors.As(err, &there) {
		if existing, ok := there.ExistingCollector.(C); ok {
			return existing, nil
		}
	}
	if err != nil {
		return collector, fmt.Errorf("register HTTP metrics: %w", err)
	}
	return collector, nil
}

// routeSeries are one route's series, looked up once.
type routeSeries struct {
	byClass  [len(statusClasses)]prometheus.Counter
	duration prometheus.Observer
}

var statusClasses = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

func (m *metrics) series(route, method string) routeSeries {
	s := routeSeries{duration: m.duration.WithLabelValues(route, method)}
	for i, class := range statusClasses {
		s.byClass[i] = m.requests.WithLabelValues(route, method, class)
	}
	return s
}

func (s *routeSeries) observe(status int, took time.Duration) {
	if i := status/100 - 1; i >= 0 && i < len(s.byClass) {
		s.byClass[i].Inc()
	}
	s.duration.Observe(took.Seconds())
}
