package query

import (
	"bytes"
	"net/http"
	"testing"
)

// rewound is a request body that can be sent again.
type rewound struct{ bytes.Reader }

func (*rewound) Close() error { return nil }

// TestBatchMetadataAllocatesNothingBehindNetHTTP sends polls through the whole
// handler: routing, checks, decoding, look-up, encoding, headers, metrics.
func TestBatchMetadataAllocatesNothingBehindNetHTTP(t *testing.T) {
	if raceEnabled {
		return // the race detector makes sync.Pool forget on purpose
	}
	w := newWorld(t)
	crowd(w, 2000)
	server := w.server()
	for _, ids := range []int{1, 20, 100} {
		text := scatteredBodies(2000, 1, ids)[0]
		body := &rewound{}
		r, err := http.NewRequest("POST", metadataPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Body, r.ContentLength = body, int64(len(text))
		answer := &sink{header: http.Header{}}
		got := testing.AllocsPerRun(500, func() {
			body.Reset(text)
			clear(answer.header)
			server.ServeHTTP(answer, r)
		})
		if got != 0 || answer.status != http.StatusOK {
			t.Errorf("%d IDs: %v allocations, status %d", ids, got, answer.status)
		}
	}
}
