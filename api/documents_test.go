package api_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/api/openapitest"
)

func TestDocumentsAreServed(t *testing.T) {
	keys, err := api.NewSecretKeys([]byte("a secret of thirty-two bytes, ok"))
	if err != nil {
		t.Fatal(err)
	}
	auth, err := api.NewAuthenticator(api.AuthConfig{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	routes, err := api.DocumentRoutes()
	if err != nil {
		t.Fatal(err)
	}
	server, err := api.NewServer(api.Config{Routes: routes, Auth: auth, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	checker, err := openapitest.New()
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	defer listener.Close()
	for _, tt := range []struct {
		method, path string
		header       http.Header
		status       int
	}{
		{"GET", "/openapi.json", nil, 200},
		{"GET", "/asyncapi.json", nil, 200},
		{"GET", "/openapi.json/", http.Header{"Accept-Encoding": {"gzip"}}, 200},
		{"HEAD", "/openapi.json", nil, 200},
		{"GET", "/openapi.json", http.Header{"Authorization": {"Bearer x"}}, 401},
		{"POST", "/openapi.json", nil, 405},
		{"GET", "/openapi.yaml", nil, 404},
	} {
		r, err := http.NewRequest(tt.method, listener.URL+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range tt.header {
			r.Header[name] = values
		}
		response, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, response.StatusCode, tt.status)
		}
		if err := checker.Check(r, nil, response.StatusCode, response.Header, body); err != nil {
			t.Error(err)
		}
	}
}
