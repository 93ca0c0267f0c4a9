package api

import (
	"log/slog"
	"net/http"
	"time"
)

// Limits of the HTTP server, which has none of its own.
const (
	// readHeaderTimeout cuts off clients that send their header by drops;
	// 32 KiB take a second over the worst mobile network.
	readHeaderTimeout = 5 * time.Second
	// readTimeout bounds header and body together: 1 MiB at 35 KiB/s.
	readTimeout = 30 * time.Second
	// writeTimeout runs from the end of the header, so it holds the body's
	// arrival, the wait for the log and the answer's way out.
	writeTimeout = 60 * time.Second
	// idleTimeout outlives the pause between two polls (5 s, more under load)
	// and the 60 s that common proxies keep their connections.
	idleTimeout = 120 * time.Second
	// maxHeaderBytes makes 32 KiB with the 4 KiB that net/http adds of its
	// own. A token may have 8 KiB.
	maxHeaderBytes = 32<<10 - 4<<10
)

// NewHTTPServer returns an http.Server for handler with every limit set. It
// listens nowhere yet. What net/http itself complains of goes to logger at
// debug level: clients cause all of it.
func NewHTTPServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}
