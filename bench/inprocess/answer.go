package inprocess

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/bench/folding"
	"github.com/tidemark-io/tidemark/query"
)

// answerer answers requests for counters, in two ways.
type answerer struct {
	handler http.Handler
	parts   *query.MetadataAnswerer
	request *http.Request
	body    *bytes.Reader
	answer  sink
	out     []byte
	err     error // the first request that was not answered
}

func newAnswerer(f *folding.Fold) (*answerer, error) {
	keys, err := api.NewSecretKeys([]byte("a secret of 32 bytes, for nobody"))
	if err != nil {
		return nil, err
	}
	auth, err := api.NewAuthenticator(api.AuthConfig{Keys: keys})
	if err != nil {
		return nil, err
	}
	service := query.New(query.Config{Source: f})
	server, err := api.NewServer(api.Config{
		Routes: service.Routes(), Auth: auth, ReadModel: query.NewFreshness(f), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, fmt.Errorf("build the query side: %w", err)
	}
	a := &answerer{handler: server, parts: service.MetadataAnswerer(), body: bytes.NewReader(nil)}
	if a.request, err = http.NewRequest(http.MethodPost, "/v1/videos/batch-metadata", nil); err != nil {
		return nil, err
	}
	a.request.Header.Set("Content-Type", "application/json")
	a.request.Body = io.NopCloser(a.body)
	a.answer.header = http.Header{}
	return a, nil
}

// direct decodes a body, looks the videos up and encodes the answer, without HTTP.
func (a *answerer) direct(body []byte) []byte {
	out, err := a.parts.Append(a.out[:0], body)
	if err != nil && a.err == nil {
		a.err = err
	}
	a.out = out
	return out
}

// serve sends a body through routing, checks, handler and headers: all but the
// network and net/http's reading and writing.
func (a *answerer) serve(body []byte) []byte {
	a.body.Reset(body)
	a.request.ContentLength = int64(len(body))
	clear(a.answer.header)
	a.answer.status, a.answer.kept = 0, a.answer.kept[:0]
	a.handler.ServeHTTP(&a.answer, a.request)
	if a.answer.status != http.StatusOK && a.err == nil {
		a.err = fmt.Errorf("a request for counters was answered with %d: %s", a.answer.status, a.answer.kept)
	}
	return a.answer.kept
}

// sink is a ResponseWriter that keeps one answer.
type sink struct {
	header http.Header
	status int
	kept   []byte
}

func (s *sink) Header() http.Header    { return s.header }
func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(p []byte) (int, error) {
	s.kept = append(s.kept, p...)
	return len(p), nil
}
