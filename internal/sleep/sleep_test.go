package sleep

import (
	"context"
	"testing"
	"time"
)

func TestAContextEndsASleep(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if !For(ctx, time.Millisecond) {
		t.Error("the context has ended")
	}
	slept := make(chan bool)
	go func() { slept <- For(ctx, time.Hour) }()
	cancel()
	if <-slept {
		t.Error("it slept on when the context had ended")
	}
	if For(ctx, 0) {
		t.Error("the context stands, although it has ended")
	}
}
