package plainhttp

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// answer is what a handler answers, as it will be sent.
type answer struct {
	header http.Header
	date   string
	status int // 0 as long as nobody has said it
	// out is the head and, where its length was declared, the body.
	out  []byte
	head int // where the body begins in out; 0 as long as no head is there
	// declared is the body's length as the handler said it, or -1; then the body
	// waits in late for its end.
	declared int
	late     []byte
}

// maxKeptBytes bounds the buffers that an exchange keeps from an answer.
const maxKeptBytes = 64 << 10

// BeginAnswer makes the exchange an http.ResponseWriter for the answer to its
// request. date is the value of the header Date.
func (e *Exchange) BeginAnswer(date string) {
	clear(e.answer.header)
	e.answer = answer{header: e.answer.header, date: date, out: kept(e.out), late: kept(e.late)}
}

func kept(buffer []byte) []byte {
	if cap(buffer) > maxKeptBytes {
		return nil
	}
	return buffer[:0]
}

// Header returns the answer's header, to be changed before the first Write.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader says the status. What was said first stands.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK { // below are no answers yet
		a.status = status
	}
}

// Write appends to the body.
func (a *answer) Write(p []byte) (int, error) {
	if a.head == 0 {
		a.begin(p)
	}
	switch {
	case !hasBody(a.status):
		return 0, http.ErrBodyNotAllowed
	case a.declared < 0:
		a.late = append(a.late, p...)
	case len(a.out)-a.head+len(p) > a.declared:
		return 0, http.ErrContentLength
	default:
		a.out = append(a.out, p...)
	}
	return len(p), nil
}

// begin appends the head, up to a length that is not known yet.
func (a *answer) begin(body []byte) {
	a.WriteHeader(http.StatusOK)
	a.declared = a.takeLength()
	if !hasBody(a.status) {
		delete(a.header, "Content-Type") // as net/http does
	} else if len(a.header["Content-Type"]) == 0 && len(body) > 0 {
		a.header["Content-Type"] = []string{http.DetectContentType(body)}
	}
	a.appendStatus()
	if len(a.header["Date"]) == 0 {
		a.appendLine("Date", a.date)
	}
	for name, values := range a.header {
		for _, value := range values {
			a.appendLine(name, value)
		}
	}
	if a.declared >= 0 {
		a.out = append(a.out, "\r\n"...)
	}
	a.head = len(a.out)
}

// takeLength returns the length that the handler declared, or -1, and leaves a
// header that holds it only if the answer has it.
func (a *answer) takeLength() int {
	values := a.header["Content-Length"]
	if len(values) == 1 && hasBody(a.status) {
		if n, err := strconv.Atoi(values[0]); err == nil && n >= 0 {
			return n
		}
	}
	delete(a.header, "Content-Length")
	return -1
}

func (a *answer) appendStatus() {
	if a.status == http.StatusOK {
		a.out = append(a.out, "HTTP/1.1 200 OK\r\n"...)
		return
	}
	code, reason := strconv.Itoa(a.status), http.StatusText(a.status)
	if reason == "" {
		reason = "status code " + code // as net/http has it
	}
	a.out = append(append(append(append(append(a.out, "HTTP/1.1 "...), code...), ' '), reason...), "\r\n"...)
}

// appendLine appends a header line. No value begins another line, whoever made it.
func (a *answer) appendLine(name, value string) {
	a.out = append(append(append(a.out, name...), ": "...), value...)
	if !isText(value) {
		line := a.out[len(a.out)-len(value):]
		for i, c := range line {
			if kinds[c]&textByte == 0 {
				line[i] = ' '
			}
		}
	}
	a.out = append(a.out, "\r\n"...)
}

// EndAnswer returns the whole answer once the handler has returned, and whether
// the connection stays open behind it. It fails where the handler wrote less
// than it had declared: nothing can be sent then.
func (e *Exchange) EndAnswer() (message []byte, keep bool, err error) {
	if e.head == 0 {
		e.answer.begin(nil)
	}
	switch body := len(e.out) - e.head; {
	case !hasBody(e.status):
		e.out = append(e.out, "\r\n"...)
	case e.declared < 0:
		e.out = strconv.AppendInt(append(e.out, "Content-Length: "...), int64(len(e.late)), 10)
		e.out = append(append(e.out, "\r\n\r\n"...), e.late...)
	case body != e.declared:
		return nil, false, fmt.Errorf("answer to %s %s declares %d bytes and has %d", e.request.Method, e.url.Path, e.declared, body)
	}
	return e.out, !asksToClose(e.answer.header["Connection"]), nil
}

func asksToClose(values []string) bool {
	return len(values) > 0 && strings.EqualFold(values[0], "close")
}

// hasBody reports whether answers of that status have a body (RFC 9110, section 6.4.1).
func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}
