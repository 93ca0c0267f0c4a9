package load

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
)

// cpuMetric is what a service says of the processor time it has used.
var cpuMetric = []byte("\nprocess_cpu_seconds_total ")

// serverCPU returns the seconds of processor time that the service has used
// since it started; ok is false where it does not tell (its metrics may be on
// an address of their own).
func (c *Client) serverCPU(ctx context.Context) (seconds float64, ok bool) {
	answer, err := c.do(ctx, &request{method: http.MethodGet, path: "/metrics"})
	if err != nil || !answer.good() {
		return 0, false
	}
	_, rest, found := bytes.Cut(answer.body, cpuMetric)
	if !found {
		return 0, false
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	seconds, err = strconv.ParseFloat(string(line), 64)
	return seconds, err == nil
}
