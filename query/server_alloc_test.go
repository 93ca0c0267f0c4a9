package query

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/tidemark-io/tidemark/api/plainhttp"
)

// TestAPollAllocatesOneString sends polls through all but the socket: reading,
// routing, checks, decoding, look-up, encoding, headers, metrics. The string is
// the request's head, whose parts the handler gets.
func TestAPollAllocatesOneString(t *testing.T) {
	if raceEnabled {
		return // the race detector makes sync.Pool forget on purpose
	}
	w := newWorld(t)
	crowd(w, 2000)
	server := w.server()
	e := plainhttp.NewExchange(context.Background())
	for _, ids := range []int{1, 20, 100} {
		body := scatteredBodies(2000, 1, ids)[0]
		request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", metadataPath, len(body), body)
		whole := false
		got := testing.AllocsPerRun(500, func() {
			if _, v := e.Read(request); v != plainhttp.Whole {
				t.Fatal(v)
			}
			e.BeginAnswer("Sat, 28 Nov 2026 03:17:00 GMT")
			server.ServeHTTP(e, e.Request())
			message, _, err := e.EndAnswer()
			if err != nil {
				t.Fatal(err)
			}
			whole = bytes.HasPrefix(message, []byte("HTTP/1.1 200 OK\r\n"))
		})
		if got > 1 || !whole {
			t.Errorf("%d IDs: %v allocations, answered with 200 %v", ids, got, whole)
		}
	}
}
