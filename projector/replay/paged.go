package replay

import (
	"context"

	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// Page is a part of a log as it goes over the wire.
type Page struct {
	// First and Last are the bounds of the log at that moment.
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// Messages are the next ones; none where all were read.
	Messages []PageMessage `json:"messages"`
}

// PageMessage is a message of a page.
type PageMessage messageLine

const (
	// pageBytes and pageMessages are when a page is full.
	pageBytes    = 1 << 20
	pageMessages = 1000
)

// ReadPage reads a page of a source, from one sequence on and up to another.
func ReadPage(ctx context.Context, s Source, from, to uint64) (*Page, error) {
	first, last, err := s.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	p := &Page{First: first, Last: last, Messages: []PageMessage{}}
	if from = max(from, 1); from > min(to, last) {
		return p, nil
	}
	bytes := 0
	err = s.Read(ctx, from, min(to, last, from+pageMessages-1), func(m eventlog.Message) error {
		p.Messages = append(p.Messages, PageMessage(lineOf(&m)))
		if bytes += len(m.Data); bytes >= pageBytes {
			return errDone
		}
		return nil
	})
	if err == errDone {
		err = nil
	}
	return p, err
}

// Paged is a source whose messages come in pages.
type Paged struct {
	// Fetch returns the page that begins at one sequence and ends at another at
	// the latest.
	Fetch func(ctx context.Context, from, to uint64) (*Page, error)
	// Locate, where set, finds a point at once, as Point.Find does.
	Locate func(ctx context.Context, p Point) (uint64, error)
}

// Bounds asks for those of the source.
func (p Paged) Bounds(ctx context.Context) (first, last uint64, err error) {
	page, err := p.Fetch(ctx, 1, 0)
	if err != nil {
		return 0, 0, err
	}
	return page.First, page.Last, nil
}

// Read reads page after page. What is not written yet is not waited for.
func (p Paged) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	for next := max(from, 1); next <= to; {
		page, err := p.Fetch(ctx, next, to)
		if err != nil {
			return err
		}
		if len(page.Messages) == 0 || page.Messages[0].Seq != next {
			return &GapError{Need: next, First: page.First, Last: page.Last}
		}
		for i := range page.Messages {
			m := &page.Messages[i]
			if m.Seq != next || m.Seq > to {
				return &GapError{Need: next, First: page.First, Last: page.Last}
			}
			if err := fn((*messageLine)(m).message()); err != nil {
				return err
			}
			next++
		}
	}
	return nil
}
