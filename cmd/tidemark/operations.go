package main

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tidemark-io/tidemark/api"
)

// operations lists the endpoints for whoever operates the service.
func (a *app) operations() []api.Route {
	routes := []api.Route{
		{Method: http.MethodGet, Path: "/healthz", Access: api.Anyone, Handle: func(c *api.Call) error {
			return c.JSON(http.StatusOK, []byte(`{"status":"alive"}`))
		}},
		{Method: http.MethodGet, Path: "/readyz", Access: api.Anyone, Handle: func(c *api.Call) error {
			status, body := a.readiness()
			return c.JSON(status, body)
		}},
	}
	if a.cfg.OpsListen == "" {
		metrics := a.metricsHandler()
		routes = append(routes, api.Route{Method: http.MethodGet, Path: "/metrics", Access: api.Anyone, Handle: func(c *api.Call) error {
			metrics.ServeHTTP(c.Gin.Writer, c.Gin.Request)
			return nil
		}})
	}
	return routes
}

func (a *app) metricsHandler() http.Handler {
	return promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// readiness says whether to send traffic here, and if not, why.
func (a *app) readiness() (int, []byte) {
	var reasons []string
	for _, err := range []error{a.projector.Ready(), a.disk.Check()} {
		if err != nil {
			reasons = append(reasons, err.Error())
		}
	}
	if a.writer.Stalled() {
		reasons = append(reasons, "the event log makes no progress: a record batch waits for its acknowledgement")
	}
	answer := struct {
		Status  string   `json:"status"`
		Reasons []string `json:"reasons,omitempty"`
	}{"ready", reasons}
	status := http.StatusOK
	if len(reasons) > 0 {
		answer.Status, status = "not ready", http.StatusServiceUnavailable
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return http.StatusInternalServerError, []byte(`{"status":"not ready"}`)
	}
	return status, body
}

// opsHandler serves what is for operators only, on an address of its own.
func (a *app) opsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metricsHandler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, []byte(`{"status":"alive"}`))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		status, body := a.readiness()
		writeJSON(w, status, body)
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone is nobody's fault
}
