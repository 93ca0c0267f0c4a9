package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Settled waits until a checkpoint holds all that was folded, and then until
// tidemark is quiet for so long: what it was filled with is not to be paid by
// what is measured next.
func (t *Tidemark) Settled(ctx context.Context, quiet time.Duration) error {
	const limit = 2 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		folded, saved, err := t.sequences(ctx)
		if err != nil {
			return err
		}
		if folded == saved {
			return t.Quiet(ctx, quiet)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("no checkpoint of sequence %s after %s: the last is of %s", folded, limit, saved)
		}
	}
}

// sequences returns how far the log is folded and how far it is checkpointed.
func (t *Tidemark) sequences(ctx context.Context) (folded, saved string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.Address+"/metrics", nil)
	if err != nil {
		return "", "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", "", fmt.Errorf("read metrics: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", "", fmt.Errorf("read metrics: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), " "); name {
		case "tidemark_projector_sequence":
			folded = value
		case "tidemark_checkpoint_sequence":
			saved = value
		}
	}
	if folded == "" || saved == "" {
		err = errors.New("read metrics: a sequence is missing")
	}
	return folded, saved, err
}
