package replay

import (
	"context"
	"errors"
	"fmt"

	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// ErrSeam is returned where two sources that should continue one another hold
// different messages under one sequence: they are copies of different logs.
var ErrSeam = errors.New("sources are not of one log")

// Join makes one source of several copies of parts of one log: each continues
// the ones before it, such as an export and the log that was trimmed since. Where
// two hold the same messages the earlier one is read, and the later is compared
// with it at the seam. The last may grow.
func Join(sources ...Source) Source {
	if len(sources) == 1 {
		return sources[0]
	}
	return joined(sources)
}

type joined []Source

// Bounds spans all of them. It fails with ErrGap where one does not continue
// those before it.
func (j joined) Bounds(ctx context.Context) (first, last uint64, err error) {
	first, last = 1, 0
	for _, s := range j {
		f, l, err := s.Bounds(ctx)
		switch {
		case err != nil:
			return 0, 0, err
		case f > l:
			continue // it holds nothing
		case first > last:
			first = f
		case f > last+1:
			return 0, 0, &GapError{Need: last + 1, First: f, Last: l}
		}
		last = max(last, l)
	}
	return first, last, nil
}

func (j joined) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	next := max(from, 1)
	var before eventlog.Message // the last one read, without its data
	for i, s := range j {
		if next > to {
			return nil
		}
		first, last, err := s.Bounds(ctx)
		if err != nil {
			return err
		}
		end := to
		if i < len(j)-1 {
			if last < next || first > last {
				continue // the next one has it
			}
			end = min(to, last)
		}
		if before.Seq != 0 && first <= before.Seq {
			if err := checkSeam(ctx, s, &before); err != nil {
				return err
			}
		}
		err = s.Read(ctx, next, end, func(m eventlog.Message) error {
			if err := fn(m); err != nil {
				return err
			}
			next = m.Seq + 1
			m.Data = nil
			before = m
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkSeam compares the last message of the source before with the same one here.
func checkSeam(ctx context.Context, s Source, before *eventlog.Message) error {
	return s.Read(ctx, before.Seq, before.Seq, func(m eventlog.Message) error {
		if m.BatchID == before.BatchID && m.Stored.Equal(before.Stored) {
			return nil
		}
		return fmt.Errorf("%w: message %d is batch %q of %s in one and batch %q of %s in the next", ErrSeam, m.Seq,
			before.BatchID, before.Stored.UTC().Format(timeFormat), m.BatchID, m.Stored.UTC().Format(timeFormat))
	})
}
