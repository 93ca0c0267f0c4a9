package api

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// compressFromBytes is the size from which an answer is compressed. Twenty
// cards have 3 KiB, which fits three packets: compressing them costs more time
// than it saves.
const compressFromBytes = 16 << 10

var (
	encodingGzip = []string{"gzip"}
	varyOrigin   = []string{"Origin"}
	varyEncoding = []string{"Accept-Encoding"}
	varyBoth     = []string{"Origin", "Accept-Encoding"}
)

// packer is a gzip writer with its buffer. A writer's tables are far larger
// than an answer, so packers are pooled for the whole server.
type packer struct {
	buf  bytes.Buffer
	gzip *gzip.Writer
}

func newPacker() any {
	p := &packer{}
	p.gzip, _ = gzip.NewWriterLevel(&p.buf, gzip.BestSpeed) // fails for unknown levels only
	return p
}

func (c *Call) sendCompressed(status int, body []byte) error {
	pool := &c.route.server.packers
	p := pool.Get().(*packer)
	defer pool.Put(p)
	p.buf.Reset()
	p.gzip.Reset(&p.buf)
	if _, err := p.gzip.Write(body); err != nil {
		return err
	}
	if err := p.gzip.Close(); err != nil {
		return err
	}
	c.gin.Writer.Header()["Content-Encoding"] = encodingGzip
	c.send(status, p.buf.Bytes())
	return nil
}

// addVary says that the answer depends on Accept-Encoding, on top of what the
// CORS rules have said.
func addVary(h http.Header) {
	if len(h["Vary"]) > 0 {
		h["Vary"] = varyBoth
	} else {
		h["Vary"] = varyEncoding
	}
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3): gzip by name
// decides; otherwise * does. A weight that cannot be read counts as zero.
func acceptsGzip(values []string) bool {
	star := false
	for _, value := range values {
		for value != "" {
			var entry string
			entry, value, _ = strings.Cut(value, ",")
			coding, params, _ := strings.Cut(entry, ";")
			coding = strings.TrimSpace(coding)
			if strings.EqualFold(coding, "gzip") || strings.EqualFold(coding, "x-gzip") {
				return weightIsPositive(params)
			}
			if coding == "*" {
				star = weightIsPositive(params)
			}
		}
	}
	return star
}

func weightIsPositive(params string) bool {
	params = strings.TrimSpace(params)
	if params == "" {
		return true
	}
	name, value, found := strings.Cut(params, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	weight, err := strconv.ParseFloat(strings.TrimSpace(value), 32)
	return err == nil && weight > 0
}
