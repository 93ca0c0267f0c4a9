package plainhttp

import (
	"context"
	"io"
	"net/http"
	"net/url"
)

// Exchange is a request and its answer. It serves one after the other and is for
// one goroutine.
type Exchange struct {
	request http.Request
	bare    http.Request // what a request is before it is read
	url     url.URL
	fields  http.Header
	values  []string // what the slices in fields are parts of
	body    Body

	answer
}

// NewExchange returns an exchange whose requests have that context.
func NewExchange(ctx context.Context) *Exchange {
	e := &Exchange{fields: make(http.Header), answer: answer{header: make(http.Header)}}
	e.bare = *new(http.Request).WithContext(ctx)
	e.bare.Proto, e.bare.ProtoMajor, e.bare.ProtoMinor = "HTTP/1.1", 1, 1
	e.bare.URL, e.bare.Header, e.bare.Body = &e.url, e.fields, http.NoBody
	return e
}

// reset forgets the request before.
func (e *Exchange) reset() {
	e.request, e.url = e.bare, url.URL{}
	clear(e.fields)
	clear(e.values)
	e.values = e.values[:0]
}

// Request returns the request that was read. Nothing of it may be kept past the
// exchange but its strings.
func (e *Exchange) Request() *http.Request { return &e.request }

// Body is the body of a plain request, all of which is there.
type Body struct {
	data []byte
	read int
}

// Rest returns what has not been read, and reads it. It may be written into as
// long as the exchange lasts.
func (b *Body) Rest() []byte {
	rest := b.data[b.read:]
	b.read = len(b.data)
	return rest
}

// Read reads the next bytes.
func (b *Body) Read(p []byte) (int, error) {
	if b.read == len(b.data) {
		return 0, io.EOF
	}
	n := copy(p, b.data[b.read:])
	b.read += n
	return n, nil
}

// Close does nothing.
func (b *Body) Close() error { return nil }
