package plainhttp

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const bare = "GET /v1/position HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"

// post is a request with a body, and with more header lines.
func post(body string, lines ...string) string {
	var more strings.Builder
	for _, line := range lines {
		more.WriteString(line + "\r\n")
	}
	return fmt.Sprintf("POST /v1/videos/batch-metadata HTTP/1.1\r\nHost: api.example.org\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		more.String(), len(body), body)
}

// browser is what a page's fetch sends.
var browser = []string{
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Accept: */*", "Accept-Language: de,en;q=0.5",
	"Accept-Encoding: gzip, deflate, br", "Authorization: Bearer a.b-c.d_e", "Origin: https://example.org", "Connection: keep-alive",
	"Sec-Fetch-Mode: cors", "tidemark-After: AbC", "X-Empty:", "Cookie: a=b; c=\"d\"", "Keep-Alive: timeout=5",
}

var plain = []string{
	bare, post("{}"), post(`{"video_ids":[]}`, browser...), post("", "X-A:  spaces\t around \t"), post("{}", "X-A: caf\xc3\xa9", "X-B: a:b"),
	"DELETE /v1/videos/0f8fad5b-d9cb-469f-a165-70867728950e/like HTTP/1.1\r\nhost: [::1]:80\r\n\r\n",
	"PUT //a/../~b_ HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n\r\n\r\n\x00\xff!",
	"GET /v1/videos/batch-metadata?ids=a,b%2Cc&since=#x?y HTTP/1.1\r\nHost: a\r\n\r\n", "PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS /v1/blocks HTTP/1.1\r\nHost: a\r\nOrigin: b\r\n\r\n",
}

var notPlain = []string{
	" ", "\r\n" + bare, "get / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "GET /\r\nHost: a\r\n\r\n", "GET\r\n\r\n",
	"GET /a%20b HTTP/1.1\r\nHost: a\r\n\r\n", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET /? HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?a\xc3 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a;b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
	"GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\rX-A: b\r\n\r\n", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	post("{}", "nonsense"), post("{}", "X-A : b"), post("{}", " X-A: b"), post("{}", "X-A: a", " b"), post("{}", ": b"), post("{}", "X\x00A: b"), post("{}", "X-A: a\x00b"), post("{}", "X-A: \x7f"), post("{}", "X-\xc3\xa9: b"),
	post("{}", "Content-Length: 2"), post("{}", "content-length: 3"), post("{}", "X-A: b", "x-a: c"),
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n{}", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -2\r\n\r\n{}", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2\r\n\r\n{}",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n{}", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\n{}", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n{}",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", post("{}", "transfer-encoding: chunked"), post("{}", "Transfer-Encoding: identity"), post("{}", "Trailer: X-A"),
	post("{}", "Connection: close"), post("{}", "Connection: keep-alive, close"), post("{}", "Connection: Upgrade", "Upgrade: h2c"), post("{}", "Upgrade: websocket"), post("{}", "Expect: 100-continue"), post("{}", "Pragma: no-cache"), post("{}", "HTTP2-Settings: AAMAAABkAAQAAP__"),
	post("{}", strings.Split(strings.Repeat("X-A: b,", maxHeaders+1), ",")[:maxHeaders+1]...),
}

func TestWhatIsPlain(t *testing.T) {
	e := NewExchange(context.Background())
	for _, text := range plain {
		if size, v := e.Read([]byte(text + "GET")); v != Whole || size != len(text) {
			t.Errorf("%q: verdict %d, size %d, want a plain request of %d", text, v, size, len(text))
		}
	}
	for _, text := range notPlain {
		if _, v := e.Read([]byte(text)); v != Other {
			t.Errorf("%q: verdict %d, want another", text, v)
		}
	}
}

// TestAPlainRequestMayArriveInPieces: what begins a plain request is never
// taken for anything else, and its size is told as soon as its head is there.
func TestAPlainRequestMayArriveInPieces(t *testing.T) {
	e := NewExchange(context.Background())
	for _, text := range plain {
		head := strings.Index(text, "\r\n\r\n") + 4
		for n := range len(text) {
			want := 0
			if n >= head {
				want = len(text)
			}
			if size, v := e.Read([]byte(text[:n])); v != Partial || size != want {
				t.Errorf("%q: verdict %d, size %d, want a part of %d", text[:n], v, size, want)
			}
		}
	}
}

// TestWhatIsNotPlainIsToldByItsFirstLine: a line that is not plain is enough for
// the verdict. net/http may know an answer by then, and a head whose lines end in
// a bare LF never has the end that is looked for.
func TestWhatIsNotPlainIsToldByItsFirstLine(t *testing.T) {
	e := NewExchange(context.Background())
	for _, text := range []string{
		"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nHost: a\n", "GET / HTTP/1.1\r\nHost: a\r\n\n", "POST / HTTP/1.1\nHost: a\nContent-Length: 2\n\n{}",
		"HELO example.org\r\n", "GET / HTTP/1.0\r\n", "HEAD / HTTP/1.1\r\nHo", "GET / HTTP/1.1\r\nHost : a\r\nX-A", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n",
	} {
		if _, v := e.Read([]byte(text)); v != Other {
			t.Errorf("%q: verdict %d, want another", text, v)
		}
	}
}

// TestARequestIsItsOwn: nothing of a request is found in the next one on the
// same exchange, whatever a handler did with it.
func TestARequestIsItsOwn(t *testing.T) {
	e := NewExchange(context.Background())
	e.Read([]byte(post(`{"a":1}`, browser...)))
	r := e.Request()
	r.Header.Add("X-Added", "by a handler")
	r.URL.Path, r.URL.Fragment, r.Method, r.Form = "/else", "x", "PUT", map[string][]string{"a": {"b"}}
	kept := r.Header.Get("User-Agent")
	e.BeginAnswer("today")
	e.Header().Set("X-Answer", "a")
	_, _ = e.Write([]byte("text"))
	e.Read([]byte(bare))
	e.BeginAnswer("today")
	r = e.Request()
	if r.Method != "GET" || r.URL.String() != "/v1/position" || len(r.Header) != 0 || r.Form != nil || r.ContentLength != 0 || r.Body != http.NoBody {
		t.Errorf("the second request is %+v of %+v", r, r.URL)
	}
	if message, _, err := e.EndAnswer(); err != nil || strings.Contains(string(message), "X-Answer") || strings.Contains(string(message), "text") {
		t.Errorf("the second answer is %q (%v)", message, err)
	}
	if !strings.HasPrefix(kept, "Mozilla/5.0 (X11;") {
		t.Errorf("a string of the first request is %q now", kept)
	}
}

// TestABodyEndsBeforeTheNextRequest: who appends to a body does not write a request.
func TestABodyEndsBeforeTheNextRequest(t *testing.T) {
	e := NewExchange(context.Background())
	data := []byte(post("{}") + bare)
	e.Read(data)
	if _ = append(e.Request().Body.(*Body).Rest(), "DELETE"...); !strings.HasSuffix(string(data), bare) {
		t.Errorf("the requests are %q now", data)
	}
}

// TestAnExchangeAllocatesOneString: the head's, whose parts the handler gets.
func TestAnExchangeAllocatesOneString(t *testing.T) {
	e := NewExchange(context.Background())
	request := []byte(strings.Replace(post(`{"video_ids":[]}`, browser...), "tidemark-After", "Tidemark-After", 1)) // another spelling costs one more
	answer, length, media := []byte(`{"videos":{}}`), []string{"13"}, []string{"application/json"}
	allocations := testing.AllocsPerRun(100, func() {
		if _, v := e.Read(request); v != Whole {
			t.Fatal(v)
		}
		if n := len(e.Request().Body.(*Body).Rest()); n != 16 {
			t.Fatal(n)
		}
		e.BeginAnswer("Sat, 28 Nov 2026 03:17:00 GMT")
		e.Header()["Content-Length"], e.Header()["Content-Type"] = length, media
		e.WriteHeader(http.StatusOK)
		_, _ = e.Write(answer)
		if _, keep, err := e.EndAnswer(); !keep || err != nil {
			t.Fatal(keep, err)
		}
	})
	if allocations > 1 {
		t.Errorf("%v allocations an exchange", allocations)
	}
}

func BenchmarkExchange(b *testing.B) {
	for name, lines := range map[string][]string{"bench": nil, "browser": browser} {
		b.Run(name, func(b *testing.B) {
			e := NewExchange(context.Background())
			request, answer := []byte(post(`{"video_ids":[]}`, lines...)), []byte(`{"videos":{}}`)
			length, media := []string{"13"}, []string{"application/json"}
			b.ReportAllocs()
			for b.Loop() {
				e.Read(request)
				_, _ = io.Copy(io.Discard, e.Request().Body)
				e.BeginAnswer("Sat, 28 Nov 2026 03:17:00 GMT")
				e.Header()["Content-Length"], e.Header()["Content-Type"] = length, media
				_, _ = e.Write(answer)
				_, _, _ = e.EndAnswer()
			}
		})
	}
}
