package log

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Trim forgets the messages up to that sequence, which is what the log begins
// behind from then on. Readers that stand before it fail with ErrGap. Only who
// knows that nobody needs them any more may call it. The last message stays.
//
// It purges by sequence: exact, and done or not done. A limit on the number of
// messages, lowered and set back, could take newer ones with it while others
// append, and would stay lowered after a crash in between.
func (l *Log) Trim(ctx context.Context, upTo uint64) error {
	first, last, err := l.Bounds(ctx)
	if err != nil {
		return err
	}
	if upTo = min(upTo, max(last, 1)-1); upTo < first {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, trimLimit)
	defer cancel()
	stream, err := l.pubJS.Stream(ctx, EventsStream)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSequence(upTo+1))
	}
	if err != nil {
		return fmt.Errorf("trim stream %s up to %d: %w", EventsStream, upTo, err)
	}
	return nil
}
