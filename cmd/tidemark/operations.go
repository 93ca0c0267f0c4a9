package main

import (
	"net/http"
	"net/http/pprof"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tidemark-io/tidemark/api"
)

var alive = []byte(`{"status":"alive"}`)

// readyAnswer says what is amiss although queries are answered as ever: a
// balancer must not take reads away for it.
func (a *app) readyAnswer() []byte {
	var degraded []string
	if a.disk.Check() != nil {
		degraded = append(degraded, `"storage-full"`)
	}
	if a.cfg.has(roleArchive) && a.archive.Lagging() {
		degraded = append(degraded, `"archive-lagging"`)
	}
	if a.cfg.has(roleArchive) && a.archive.Status().Rejudge.To > 0 {
		degraded = append(degraded, `"archive-rejudged"`)
	}
	if _, changed := a.projector.FoldChanged(); changed {
		degraded = append(degraded, `"fold-changed"`)
	}
	if len(degraded) == 0 {
		return []byte(`{"status":"ready"}`)
	}
	return []byte(`{"status":"ready","degraded":[` + strings.Join(degraded, ",") + `]}`)
}

// operations lists the endpoints for whoever operates the service.
func (a *app) operations() []api.Route {
	routes := []api.Route{
		{Method: http.MethodGet, Path: "/healthz", Access: api.Anyone, Handle: func(c *api.Call) error {
			return c.JSON(http.StatusOK, alive)
		}},
		{Method: http.MethodGet, Path: "/readyz", Access: api.Anyone, Handle: func(c *api.Call) error {
			if err := a.readiness(); err != nil {
				return err
			}
			return c.JSON(http.StatusOK, a.readyAnswer())
		}},
	}
	if a.cfg.OpsListen == "" {
		metrics := a.metricsHandler()
		routes = append(routes, api.Route{Method: http.MethodGet, Path: "/metrics", Access: api.Anyone, Handle: func(c *api.Call) error {
			return c.AnswerBy(metrics)
		}})
	}
	return routes
}

func (a *app) metricsHandler() http.Handler {
	return promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// readiness says why not to send traffic here, nil where all is well.
func (a *app) readiness() error {
	var reasons []string
	if err := a.projector.Ready(); err != nil {
		reasons = append(reasons, err.Error())
	}
	if a.writer.Stalled() {
		reasons = append(reasons, "the event log makes no progress: a record batch waits for its acknowledgement")
	}
	if len(reasons) == 0 {
		return nil
	}
	return api.NotReady.With(strings.Join(reasons, "; "))
}

// opsHandler serves what is for operators only, on an address of its own.
func (a *app) opsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metricsHandler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, alive)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := a.readiness(); err != nil {
			api.Refuse(w, err)
			return
		}
		writeJSON(w, a.readyAnswer())
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func writeJSON(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a client that has gone is nobody's fault
}
