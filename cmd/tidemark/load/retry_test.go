package load

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// TestImportRepeatsACallUnderItsKeyUntilItHasAnOutcome asks a server that
// answers in every way that leaves the outcome open.
func TestImportRepeatsACallUnderItsKeyUntilItHasAnOutcome(t *testing.T) {
	t.Parallel()
	statuses := []int{503, 429, 409, 202, 200}
	var keys, bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(statuses[len(keys)])
		keys, bodies = append(keys, r.Header.Get("Idempotency-Key")), append(bodies, string(body))
		fmt.Fprint(w, `{"accepted":2,"duplicates":0,"rejected":[],"pending":true}`)
	}))
	defer server.Close()
	client, err := NewClient(server.URL, false, 1)
	if err != nil {
		t.Fatal(err)
	}
	im := Importer{Client: client, BatchEvents: 2, Repeat: 1, Concurrency: 1, RetryLimit: time.Minute}
	report, err := im.Run(t.Context(), &Trace{Events: [][]byte{[]byte(`{}`), []byte(`{}`)}})
	if err != nil || report.Accepted != 2 || report.Sent != 2 {
		t.Fatalf("report %+v, %v; want 2 sent and accepted", report, err)
	}
	if len(keys) != len(statuses) || keys[0] == "" || len(slices.Compact(slices.Clone(keys))) != 1 || len(slices.Compact(slices.Clone(bodies))) != 1 {
		t.Errorf("keys %q, bodies %q; want %d times the same", keys, bodies, len(statuses))
	}
}

func TestImportGivesUpOnARefusal(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	client, err := NewClient(server.URL, false, 1)
	if err != nil {
		t.Fatal(err)
	}
	im := Importer{Client: client, BatchEvents: 1, Repeat: 9, Concurrency: 3, RetryLimit: time.Minute}
	if _, err := im.Run(t.Context(), &Trace{Events: [][]byte{[]byte(`{}`)}}); err == nil {
		t.Error("no error for 403")
	}
}

func TestHistogramQuantilesAreAtMostOneStepTooHigh(t *testing.T) {
	t.Parallel()
	var h, other histogram
	for i := 1; i <= 100_000; i++ {
		half := &h
		if i%2 == 0 {
			half = &other
		}
		half.record(time.Duration(i) * 10 * time.Microsecond)
	}
	h.merge(&other)
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := h.quantile(q); got < want || float64(got) > float64(want)*1.017 {
			t.Errorf("quantile %v is %v, want %v to 1.7 %% more", q, got, want)
		}
	}
	h.record(time.Hour)
	if h.max != time.Hour || h.quantile(1) != time.Hour {
		t.Errorf("the longest is %v, quantile 1 %v; want 1h", h.max, h.quantile(1))
	}
}
