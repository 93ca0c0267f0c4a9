package load

import (
	"bytes"
	"errors"
	"fmt"
)

// errChunked: the parser knows answers with a length only.
var errChunked = errors.New("answer has no Content-Length: servers under test must send one")

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
	// Servers in other languages spell it in lower case.
	contentLengthLower = []byte("\r\ncontent-length: ")
)

// parse finds one answer at the start of what was received. size is 0 while it
// is not whole.
func parse(received []byte, a *Answer) (size int, err error) {
	end := bytes.Index(received, headEnd)
	if end < 0 {
		return 0, nil
	}
	head := received[:end+len(headEnd)]
	// "HTTP/1.1 200 OK"
	if len(head) < 16 || string(head[:9]) != "HTTP/1.1 " {
		return 0, fmt.Errorf("answer begins with %.40q, which is no HTTP/1.1", head)
	}
	status := 0
	for _, c := range head[9:12] {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("answer has the status %q", head[9:12])
		}
		status = status*10 + int(c-'0')
	}
	length, err := bodyLength(head, status)
	if err != nil || len(received) < len(head)+length {
		return 0, err
	}
	a.Status, a.Head, a.Body = status, head, received[len(head):len(head)+length]
	return len(head) + length, nil
}

func bodyLength(head []byte, status int) (int, error) {
	at := bytes.Index(head, contentLength)
	if at < 0 {
		at = bytes.Index(head, contentLengthLower)
	}
	if at < 0 {
		if status == 204 || status == 304 {
			return 0, nil
		}
		return 0, errChunked
	}
	length := 0
	for _, c := range head[at+len(contentLength):] {
		if c < '0' || c > '9' {
			break
		}
		if length = length*10 + int(c-'0'); length > maxBody {
			return 0, fmt.Errorf("answer has more than %d bytes", maxBody)
		}
	}
	if status == 304 {
		return 0, nil // its length is that of the answer it stands for
	}
	return length, nil
}

// maxBody is far above every answer that is measured.
const maxBody = 16 << 20
