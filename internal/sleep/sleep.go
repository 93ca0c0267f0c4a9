// Package sleep waits for a time to pass, or for a context to end. What is waited for,
// and for how long, is its callers'.
package sleep

import (
	"context"
	"time"
)

// For waits for a time, and reports whether the context still stands after it.
func For(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
