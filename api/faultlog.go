package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// faultLog keeps a route's log to one line a second: when the log is down,
// thousands of commands a second fail for one reason.
type faultLog struct {
	lastSecond atomic.Int64
	suppressed atomic.Int64
}

// admit reports whether a line may be written now, and how many were not since
// the last one.
func (f *faultLog) admit(now time.Time) (suppressed int64, ok bool) {
	second, last := now.Unix(), f.lastSecond.Load()
	if second == last || !f.lastSecond.CompareAndSwap(last, second) {
		f.suppressed.Add(1)
		return 0, false
	}
	return f.suppressed.Swap(0), true
}

// logFault logs an answer of 500 and above. Route templates are logged, never
// paths or header values: those are the client's to choose.
func (rt *boundRoute) logFault(status int, cause error) {
	suppressed, ok := rt.faults.admit(rt.server.cfg.Now())
	if !ok {
		return
	}
	level := slog.LevelWarn
	if status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	rt.server.cfg.Logger.LogAttrs(context.Background(), level, "request failed",
		slog.String("method", rt.Method), slog.String("route", rt.Path), slog.Int("status", status),
		slog.Int64("suppressed", suppressed), slog.String("error", cause.Error()))
}

func (rt *boundRoute) logPanic(fault any, stack []byte) {
	rt.server.cfg.Logger.LogAttrs(context.Background(), slog.LevelError, "handler panicked",
		slog.String("method", rt.Method), slog.String("route", rt.Path),
		slog.String("panic", fmt.Sprint(fault)), slog.String("stack", string(stack)))
}

func (rt *boundRoute) logSlow(status int, took time.Duration) {
	rt.server.cfg.Logger.LogAttrs(context.Background(), slog.LevelInfo, "slow request",
		slog.String("method", rt.Method), slog.String("route", rt.Path), slog.Int("status", status),
		slog.Duration("duration", took))
}
