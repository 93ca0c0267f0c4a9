package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-io/tidemark/bench/world"
)

// batch is one request while it is answered. It is pooled.
type batch struct {
	body   bytes.Buffer
	ids    [][16]byte
	counts [][5]int64
	found  []bool
	answer []byte
}

var errBody = errors.New("the body is no batch request")

// read takes the identities out of the body. It checks the form that the
// benchmark sends and no more than that: which is less work than tidemark has.
func (b *batch) read(c *gin.Context) error {
	b.body.Reset()
	if _, err := b.body.ReadFrom(c.Request.Body); err != nil {
		return err
	}
	rest, found := bytes.CutPrefix(b.body.Bytes(), []byte(`{"video_ids":[`))
	if !found {
		return errBody
	}
	b.ids = b.ids[:0]
	for len(rest) > world.UUIDLength+2 && rest[0] == '"' && rest[world.UUIDLength+1] == '"' {
		var id [16]byte
		if !parseUUID(&id, rest[1:world.UUIDLength+1]) {
			return errBody
		}
		b.ids = append(b.ids, id)
		if rest = rest[world.UUIDLength+2:]; rest[0] == ',' {
			rest = rest[1:]
		}
	}
	if string(rest) != "]}" {
		return errBody
	}
	b.counts = append(b.counts[:0], make([][5]int64, len(b.ids))...)
	b.found = append(b.found[:0], make([]bool, len(b.ids))...)
	return nil
}

func parseUUID(id *[16]byte, text []byte) bool {
	var digits [32]byte
	n := copy(digits[:], text[:8])
	n += copy(digits[n:], text[9:13])
	n += copy(digits[n:], text[14:18])
	n += copy(digits[n:], text[19:23])
	copy(digits[n:], text[24:36])
	_, err := hex.Decode(id[:], digits[:])
	return err == nil
}

// write answers with the videos that were found, in the order of the request.
func (b *batch) write(c *gin.Context) {
	b.answer = append(b.answer[:0], `{"videos":{`...)
	for i, id := range b.ids {
		if !b.found[i] {
			continue
		}
		if b.answer[len(b.answer)-1] == '}' {
			b.answer = append(b.answer, ',')
		}
		b.answer = world.AppendEntry(b.answer, id, b.counts[i])
	}
	b.answer = append(b.answer, `}}`...)
	c.Header("Content-Length", strconv.Itoa(len(b.answer)))
	c.Data(http.StatusOK, "application/json", b.answer)
}

// answering returns the handler around a way to look up the videos of a batch.
func answering(lookup func(c *gin.Context, b *batch) error) gin.HandlerFunc {
	pool := sync.Pool{New: func() any { return new(batch) }}
	return func(c *gin.Context) {
		b := pool.Get().(*batch)
		defer pool.Put(b)
		if err := b.read(c); err != nil {
			c.String(http.StatusBadRequest, "%s", err)
			return
		}
		if err := lookup(c, b); err != nil {
			c.String(http.StatusInternalServerError, "%s", err)
			return
		}
		b.write(c)
	}
}
