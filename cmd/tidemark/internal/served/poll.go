package served

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errEnded says that what was asked has ended.
var errEnded = errors.New("the process has ended")

// Poll asks check until it reports true or ctx ends; the text is what check saw.
func Poll(ctx context.Context, what string, check func() (bool, string)) error {
	return poll(ctx, nil, what, check)
}

func poll(ctx context.Context, ended <-chan struct{}, what string, check func() (bool, string)) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		done, saw := check()
		if done {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s; saw last: %s", what, saw)
		}
	}
}
