package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/tidemark-io/tidemark/api/plainhttp"
)

// firstBodyBytes is the size of a body buffer at first: 100 IDs. It grows with
// what arrives, not with what Content-Length promises.
const firstBodyBytes = 4 << 10

var errBodyTooLarge = errors.New("body is over the limit")

// readBody judges size and media type and reads the body into the call's
// buffer. The content is not looked at.
func (c *Call) readBody() error {
	rt, r := c.route, c.gin.Request
	if r.ContentLength > int64(rt.maxBody) {
		return rt.tooLarge()
	}
	if rt.Body == NoBody || r.Body == nil || rt.Body == OptionalJSONBody && r.ContentLength == 0 {
		return nil
	}
	// An optional body in chunks may turn out to be none, and none has no type.
	typed := rt.Body == JSONBody || r.ContentLength > 0
	packed := false
	var err error
	if typed {
		if packed, err = c.readMediaType(r.Header); err != nil {
			return err
		}
	}
	if whole, ok := r.Body.(*plainhttp.Body); ok {
		c.Body = whole.Rest()
	} else if c.bodyBuf, err = readAll(r.Body, c.bodyBuf[:0], rt.maxBody); err != nil {
		return c.readFault(err)
	} else {
		c.Body = c.bodyBuf
	}
	if len(c.Body) == 0 {
		return nil
	}
	if !typed {
		if packed, err = c.readMediaType(r.Header); err != nil {
			return err
		}
	}
	if packed {
		return c.unpackBody()
	}
	return nil
}

// readFault tells a body that is too large from one that did not arrive. In
// either case what follows on the connection cannot be trusted to be a request.
func (c *Call) readFault(err error) error {
	if errors.Is(err, errBodyTooLarge) {
		return c.route.tooLarge()
	}
	c.gin.Writer.Header()["Connection"] = connectionClose
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return RequestTimeout
	}
	return BadJSON.With("The body breaks off, or its framing is broken.")
}

var connectionClose = []string{"close"}

func (rt *boundRoute) tooLarge() error {
	return BodyTooLarge.Withf("The body may have at most %d bytes, also when it is unpacked.", rt.maxBody)
}

// readAll reads r to its end into buf, growing it as needed, and fails with
// errBodyTooLarge once there is more than limit.
func readAll(r io.Reader, buf []byte, limit int) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			size := min(max(2*cap(buf), firstBodyBytes), limit+1)
			buf = append(make([]byte, 0, size), buf...)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > limit:
			return buf, errBodyTooLarge
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return buf, err
		}
	}
}

// unpacker decompresses into a buffer of its own. It is made on first use and
// kept with the pooled call: a gzip reader has a window of 32 KiB.
type unpacker struct {
	source bytes.Reader
	gzip   *gzip.Reader
	buf    []byte
}

func (c *Call) unpackBody() error {
	u := &c.unpack
	u.source.Reset(c.Body)
	var err error
	if u.gzip == nil {
		u.gzip, err = gzip.NewReader(&u.source)
	} else {
		err = u.gzip.Reset(&u.source)
	}
	if err == nil {
		u.buf, err = readAll(u.gzip, u.buf[:0], c.route.maxBody)
	}
	if errors.Is(err, errBodyTooLarge) {
		return c.route.tooLarge()
	}
	if err != nil {
		c.bodyFault = BadJSON.With("The body is not the gzip that Content-Encoding says it is.")
		return nil
	}
	c.Body = u.buf
	return nil
}

// readMediaType sets MediaType, and tells whether the body is packed with gzip.
func (c *Call) readMediaType(h http.Header) (packed bool, err error) {
	switch values := h["Content-Type"]; {
	case len(values) == 0:
		c.MediaType = c.route.media[0]
	case len(values) > 1:
		return false, UnsupportedMediaType.With("There may be one Content-Type only.")
	default:
		if c.MediaType = matchMedia(c.route.media, values[0]); c.MediaType == "" {
			return false, UnsupportedMediaType.Withf("The body must be %s in UTF-8; Content-Type says %s.",
				strings.Join(c.route.media, " or "), Quote(values[0]))
		}
	}
	switch values := h["Content-Encoding"]; {
	case len(values) == 0, len(values) == 1 && (values[0] == "" || strings.EqualFold(values[0], "identity")):
		return false, nil
	case len(values) == 1 && (strings.EqualFold(values[0], "gzip") || strings.EqualFold(values[0], "x-gzip")):
		return true, nil
	}
	c.gin.Writer.Header()["Accept-Encoding"] = encodingGzip // RFC 9110, section 15.5.16
	return false, UnsupportedMediaType.With("Content-Encoding may be gzip, once, or absent.")
}

// matchMedia returns the entry of allowed that a Content-Type names, or "".
// Parameters are ignored except for a charset, which must be UTF-8.
func matchMedia(allowed []string, value string) string {
	for _, media := range allowed {
		if value == media {
			return media
		}
	}
	name, params, err := mime.ParseMediaType(value)
	if err != nil {
		return ""
	}
	if charset, there := params["charset"]; there && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {
		return ""
	}
	for _, media := range allowed {
		if name == media {
			return media
		}
	}
	return ""
}
