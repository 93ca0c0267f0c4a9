package plainhttp

import (
	"bytes"
	"net/http"
	"net/textproto"
	"strings"
)

// Verdict is what bytes are, from their start.
type Verdict uint8

// The verdicts.
const (
	// Other: not a plain request.
	Other Verdict = iota
	// Partial: what is there may become a plain request.
	Partial
	// Whole: they begin with a plain request.
	Whole
)

// Bounds of what is plain.
const (
	// maxHeaders is as many as browsers behind two proxies send, and half as many again.
	maxHeaders = 48
	// maxLengthDigits keeps any length within an int.
	maxLengthDigits = 9
)

var headEnd = []byte("\r\n\r\n")

// Read reads a request from the start of data. size is what a whole request
// takes of data, and what a partial one will take, or 0 as long as its head has
// not ended. The request's body lies in data, which must stay as it is until
// the exchange has ended.
func (e *Exchange) Read(data []byte) (size int, v Verdict) {
	if len(data) > 0 && (data[0] < 'A' || data[0] > 'Z') {
		return 0, Other // net/http knows whether to wait for more
	}
	e.reset()
	end := bytes.Index(data, headEnd)
	if end < 0 {
		// Of a head that has not ended, the lines that have must be plain.
		lines := string(data[:bytes.LastIndexByte(data, '\n')+1])
		if _, ok := e.readLines(lines); lines != "" && !ok {
			return 0, Other
		}
		return 0, Partial
	}
	// One string for all of the head: its parts live as long as the handler likes.
	if hosts, ok := e.readLines(string(data[:end+2])); !ok || hosts != 1 {
		return 0, Other
	}
	end += len(headEnd)
	size = end + int(e.request.ContentLength)
	if len(data) < size {
		return size, Partial
	}
	if size > end {
		e.body = Body{data: data[end:size:size]} // behind it lies the next request
		e.request.Body = &e.body
	}
	return size, Whole
}

// readLines reads the request line and the header lines, each with its end, and
// reports whether they are plain, and how many of them name a host.
func (e *Exchange) readLines(lines string) (hosts int, ok bool) {
	line, rest, ok := cutLine(lines)
	if !ok || !e.readRequestLine(line) {
		return 0, false
	}
	for rest != "" {
		if line, rest, ok = cutLine(rest); !ok {
			return 0, false
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) || !isText(value) {
			return 0, false
		}
		name, value = textproto.CanonicalMIMEHeaderKey(name), trim(value)
		switch name {
		case "Host":
			hosts++
			e.request.Host = value
			if hosts > 1 || !isHost(value) {
				return 0, false
			}
			continue // a handler finds it in the request, as from net/http
		case "Content-Length":
			if !e.readLength(value) {
				return 0, false
			}
		case "Connection":
			if !strings.EqualFold(value, "keep-alive") {
				return 0, false
			}
		case "Transfer-Encoding", "Trailer", "Upgrade", "Expect", "Http2-Settings", "Pragma":
			return 0, false
		}
		if !e.keep(name, value) {
			return 0, false
		}
	}
	return hosts, true
}

// readRequestLine reads a line such as "GET /v1/position HTTP/1.1".
func (e *Exchange) readRequestLine(line string) bool {
	r := &e.request
	var found bool
	if r.Method, line, found = strings.Cut(line, " "); !found {
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		return false
	}
	var proto string
	if r.RequestURI, proto, found = strings.Cut(line, " "); !found || proto != "HTTP/1.1" {
		return false
	}
	path, query, asked := strings.Cut(r.RequestURI, "?")
	if !isPath(path) || asked && !isQuery(query) {
		return false
	}
	e.url.Path, e.url.RawQuery = path, query
	return true
}

func (e *Exchange) readLength(value string) bool {
	if value == "" || len(value) > maxLengthDigits {
		return false
	}
	length := int64(0)
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return false
		}
		length = length*10 + int64(value[i]-'0')
	}
	e.request.ContentLength = length
	return true
}

// keep adds a header, unless it is there already.
func (e *Exchange) keep(name, value string) bool {
	i := len(e.values)
	if i == maxHeaders {
		return false
	}
	e.values = append(e.values, value)
	e.fields[name] = e.values[i : i+1 : i+1]
	return len(e.fields) == len(e.values)
}

// trim cuts off what may stand around a header's value.
func trim(value string) string {
	for value != "" && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for value != "" && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	return value
}

// cutLine cuts off the first line. One that does not end in CR LF is not plain:
// others end lines at a bare LF, and some at a bare CR.
func cutLine(text string) (line, rest string, ok bool) {
	end := strings.IndexByte(text, '\n')
	if end < 1 || text[end-1] != '\r' {
		return "", "", false
	}
	return text[:end-1], text[end+1:], true
}
