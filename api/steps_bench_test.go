package api

import (
	"net/http"
	"testing"
	"time"
)

// BenchmarkSteps measures by itself each thing that stands on a public poll's
// way and is not its work, within a request that is under way. Whole is all of
// them, with gin's routing and the answer's headers.
func BenchmarkSteps(b *testing.B) {
	var (
		limit deadline
		sweep sweepClock
	)
	sweep.begin()
	text := []byte(pollBody)
	socket := func(time.Time) error { return nil }
	steps := []struct {
		name string
		run  func(c *Call)
	}{
		{"clock", func(c *Call) { c.start = c.route.server.cfg.Now() }},
		{"deadline", func(*Call) {
			at, now := sweep.after(time.Minute)
			_ = limit.move(at, now, socket)
		}},
		{"limits", func(c *Call) {
			c.gin.Request.Body.(*rewound).Reset(text)
			_ = c.readBody()
		}},
		{"token", func(c *Call) { c.Caller, _ = c.route.server.cfg.Auth.Authenticate(c.gin.Request) }},
		{"rights", func(c *Call) { _ = c.route.Access.admit(&c.Caller) }},
		{"headers", func(c *Call) { _ = c.readHeaders() }},
		{"position", func(c *Call) { c.observeReadModel() }},
		{"cors", func(c *Call) { c.route.server.cors.apply(c.gin.Writer.Header(), c.gin.Request) }},
		{"metrics", func(c *Call) { c.route.series.observe(http.StatusOK, 30*time.Microsecond) }},
		{"log", func(c *Call) {
			if took := 30 * time.Microsecond; took >= c.route.server.cfg.SlowRequest {
				c.route.logSlow(http.StatusOK, took)
			}
		}},
	}
	for _, step := range steps {
		b.Run(step.name, func(b *testing.B) {
			newStepDriver(b, func(c *Call) {
				b.ReportAllocs()
				for b.Loop() {
					step.run(c)
				}
			}).run()
		})
	}
	b.Run("whole", func(b *testing.B) {
		d := newStepDriver(b, func(*Call) {})
		b.ReportAllocs()
		for b.Loop() {
			d.run()
		}
	})
}

// newStepDriver sends anonymous polls to a handler that runs f and answers what
// it was sent.
func newStepDriver(b *testing.B, f func(c *Call)) *driver {
	b.Helper()
	route := Route{Method: "POST", Path: "/v1/poll", Access: Anyone, Body: JSONBody, OwnSyntax: true, Handle: func(c *Call) error {
		f(c)
		return c.Answer(c.Body)
	}}
	return newDriverOf(b, []Route{route}, route.Path, pollBody, http.Header{"Content-Type": {mediaJSON}, "Origin": {"https://a.org"}})
}
