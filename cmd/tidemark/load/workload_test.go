package load_test

import (
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/cmd/tidemark/load"
)

func TestWorkloadPlaysEveryKindAndEndsByItself(t *testing.T) {
	t.Parallel()
	address := serve(t)
	for name, flags := range map[string][]string{
		"paced":       {"--poll-every", "50ms"},
		"at a rate":   {"--rate", "200"},
		"closed loop": {"--closed-loop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{
				"--url", address, "--json", "--duration", "2s", "--videos", "300", "--pollers", "4",
				"--view-every", "100ms", "--like-every", "100ms", "--job-every", "50ms",
			}, flags...)
			stdout, stderr, err := loads(t, args...)
			if err != nil {
				t.Fatalf("%v: %s", err, stderr)
			}
			report := decode[load.WorkloadReport](t, []byte(stdout))
			if report.ServerCPU <= 0 {
				t.Errorf("%v µs of processor time a request, as the service's own metrics tell it", report.ServerCPU)
			}
			for _, kind := range load.Kinds {
				k := report.Kinds[kind]
				if k == nil || k.Requests == 0 || k.Failed() > 0 || k.P50 > k.P99 || k.P99 > k.Max || k.Max <= 0 {
					t.Errorf("%s: %+v; want requests, no errors, and latencies in order", kind, k)
				}
			}
		})
	}
}

func TestLoadRefusesOtherMachinesUnlessAsked(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"http://192.0.2.1:8080", "http://127.0.0.1.example.org", "http://0.0.0.0:8080"} {
		if _, err := load.NewClient(address, false, 1); err == nil || !strings.Contains(err.Error(), "--yes-remote") {
			t.Errorf("%s: error %v, want one that names --yes-remote", address, err)
		}
		if _, err := load.NewClient(address, true, 1); err != nil {
			t.Errorf("%s, asked for: %v", address, err)
		}
	}
	for _, address := range []string{"http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:1", "https://127.1.2.3"} {
		if _, err := load.NewClient(address, false, 1); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}
