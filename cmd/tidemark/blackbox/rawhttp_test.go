package blackbox

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial opens a connection to the service that ends with the test.
func dial(t testing.TB, s *Service) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// raw sends bytes as they are and returns the first answer's status and text,
// or 0 where the service closes the connection without one.
func raw(t testing.TB, s *Service, request string) (int, string) {
	t.Helper()
	conn := dial(t, s)
	go func() { _, _ = io.WriteString(conn, request) }()
	return readRaw(t, conn)
}

func readRaw(t testing.TB, conn net.Conn) (int, string) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err, slow := err.(net.Error); slow && err.Timeout() {
		t.Fatal("the service neither answers nor closes the connection")
	}
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

func TestRequestsThatBreakHTTP(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	bearer := "Authorization: Bearer " + v.user.token + "\r\n"
	like := "PUT /v1/videos/" + v.video + "/like HTTP/1.1\r\n"
	host := "Host: localhost\r\n"
	body := `{"video_ids":[]}`
	post := "POST /v1/videos/batch-metadata HTTP/1.1\r\nContent-Type: application/json\r\n" + host
	long := strings.Repeat("a", 40<<10)
	for name, test := range map[string]struct {
		request  string
		statuses []int
	}{
		"no Host":                        {like + bearer + "\r\n", []int{400}},
		"two Hosts":                      {like + host + host + bearer + "\r\n", []int{400}},
		"a Host with a slash":            {like + "Host: a/b\r\n" + bearer + "\r\n", []int{400}},
		"no request line":                {"\r\n\r\nhello\r\n\r\n", []int{0, 400}},
		"HTTP/9.9":                       {strings.Replace(like, "1.1", "9.9", 1) + host + bearer + "\r\n", []int{400, 505}},
		"a TLS hello":                    {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", []int{0, 400}},
		"a header without a colon":       {like + host + bearer + "nonsense\r\n\r\n", []int{400}},
		"a space before the colon":       {like + host + bearer + "X-A : 1\r\n\r\n", []int{400}},
		"a NUL in a header":              {like + host + bearer + "X-A: a\x00b\r\n\r\n", []int{400}},
		"a line feed in the key":         {like + host + bearer + "Idempotency-Key: a\nb\r\n\r\n", []int{400}},
		"a folded header":                {like + host + bearer + "Idempotency-Key: a\r\n b\r\n\r\n", []int{400, 422}},
		"a header over 32 kB":            {like + host + bearer + "X-A: " + long + "\r\n\r\n", []int{431}},
		"many headers":                   {like + host + bearer + strings.Repeat("X-A: "+long[:100]+"\r\n", 400) + "\r\n", []int{431}},
		"a path of 40 kB":                {"GET /v1/videos/batch-metadata?ids=" + long + " HTTP/1.1\r\n" + host + "\r\n", []int{431, 414, 422}},
		"1 MB of dots for a token":       {like + host + "Authorization: Bearer " + strings.Repeat(".", 1<<20) + "\r\n\r\n", []int{431}},
		"a cursor of 1 MB":               {"GET /v1/blocks?cursor=" + strings.Repeat("A", 1<<20) + " HTTP/1.1\r\n" + host + bearer + "\r\n", []int{431, 414}},
		"length twice":                   {post + "Content-Length: 16\r\nContent-Length: 17\r\n\r\n" + body, []int{400}},
		"length negative":                {post + "Content-Length: -16\r\n\r\n" + body, []int{400}},
		"length in hex":                  {post + "Content-Length: 0x10\r\n\r\n" + body, []int{400}},
		"length with a sign":             {post + "Content-Length: +16\r\n\r\n" + body, []int{400}},
		"a transfer coding of its own":   {post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", []int{400, 501}},
		"a chunk of a bad size":          {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body + "\r\n0\r\n\r\n", []int{400}},
		"a chunk of an enormous size":    {post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + body + "\r\n0\r\n\r\n", []int{400, 413}},
		"TRACE":                          {"TRACE /v1/position HTTP/1.1\r\n" + host + bearer + "\r\n", []int{405}},
		"TRACE of nothing":               {"TRACE / HTTP/1.1\r\n" + host + bearer + "\r\n", []int{404, 405}},
		"CONNECT":                        {"CONNECT localhost:22 HTTP/1.1\r\n" + host + bearer + "\r\n", []int{400, 404, 405}},
		"a method with odd letters":      {"G\x01T / HTTP/1.1\r\n" + host + "\r\n", []int{400}},
		"a lower-case method":            {"put /v1/videos/" + v.video + "/like HTTP/1.1\r\n" + host + bearer + "\r\n", []int{400, 405}},
		"an unknown method":              {"BREW /v1/videos/" + v.video + "/like HTTP/1.1\r\n" + host + bearer + "\r\n", []int{405}},
		"an absolute address elsewhere":  {"GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\n" + host + "\r\n", []int{404}},
		"a star":                         {"OPTIONS * HTTP/1.1\r\n" + host + "\r\n", []int{200, 204, 404, 405}},
		"a path with NUL":                {"GET /v1/videos/%00 HTTP/1.1\r\n" + host + "\r\n", []int{404}},
		"a path with a bad byte":         {"GET /v1/videos/%ff HTTP/1.1\r\n" + host + "\r\n", []int{404}},
		"a path with a bad escape":       {"GET /v1/%zz HTTP/1.1\r\n" + host + "\r\n", []int{400}},
		"a path that climbs":             {"GET /v1/../v1/position HTTP/1.1\r\n" + host + bearer + "\r\n", []int{404}},
		"a path that climbs, escaped":    {"GET /v1/%2e%2e/v1/position HTTP/1.1\r\n" + host + bearer + "\r\n", []int{404}},
		"a path with two slashes":        {"GET //v1//position HTTP/1.1\r\n" + host + bearer + "\r\n", []int{404}},
		"a path with a backslash":        {"GET /v1\\position HTTP/1.1\r\n" + host + bearer + "\r\n", []int{400, 404}},
		"an escaped slash":               {"GET /v1%2fposition HTTP/1.1\r\n" + host + bearer + "\r\n", []int{404}},
		"a like by an escaped slash":     {"PUT /v1/videos/" + v.video + "%2flike HTTP/1.1\r\n" + host + bearer + "\r\n", []int{404}},
		"a semicolon":                    {"GET /v1/position;admin=true HTTP/1.1\r\n" + host + bearer + "\r\n", []int{404}},
		"an upgrade":                     {"GET /v1/position HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", []int{401}},
		"an override of the method":      {"POST /v1/videos/" + v.video + "/like HTTP/1.1\r\n" + host + bearer + "X-HTTP-Method-Override: PUT\r\nContent-Length: 0\r\n\r\n", []int{405}},
		"an override of the address":     {"GET /v1/position HTTP/1.1\r\n" + host + "X-Original-URL: /v1/admin/audit\r\nX-Rewrite-URL: /v1/admin/audit\r\n\r\n", []int{401}},
		"an expectation nobody can meet": {post + "Expect: 200-maybe\r\nContent-Length: 16\r\n\r\n" + body, []int{417, 200}},
	} {
		status, text := raw(t, v.s, test.request)
		fits := false
		for _, want := range test.statuses {
			fits = fits || status == want
		}
		if !fits {
			t.Errorf("%s: status %d, want %v: %s", name, status, test.statuses, clip(text))
		}
		if echo := longestEcho(text, test.request); echo != "" {
			t.Errorf("%s: the answer repeats %s", name, echo)
		}
		v.unharmed(name)
	}
	v.whole()
}

// A request with two lengths is read by its chunks or refused, and the
// connection is closed behind it (RFC 9112, section 6.1): what a proxy that
// reads it by the other length takes for a body is never served.
func TestASmuggledRequestIsNotServed(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	inner := "PUT /v1/videos/" + v.video + "/like HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + v.user.token + "\r\nContent-Length: 0\r\n\r\n"
	outer := "POST /v1/videos/batch-metadata HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	chunks := fmt.Sprintf("10\r\n%s\r\n0\r\n\r\n", `{"video_ids":[]}`)
	for name, request := range map[string]string{
		"the length covers more than the chunks": outer + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n", len(chunks)+len(inner)) + chunks + inner,
		"the chunks cover more than the length":  outer + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(inner), inner),
		"chunked in another spelling":            outer + "Content-Length: 16\r\nTransfer-Encoding: xchunked\r\n\r\n" + `{"video_ids":[]}` + inner,
		"chunked twice":                          outer + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunks + inner,
	} {
		said := rawAll(t, v.s, request)
		if n := strings.Count(said, "HTTP/1.1 "); n > 1 {
			t.Errorf("%s: %d answers to one request:\n%s", name, n, said)
		}
		if strings.HasPrefix(said, "HTTP/1.1 500") {
			t.Errorf("%s: %s", name, said)
		}
		v.unharmed(name)
	}
	if !t.Failed() {
		v.whole()
	}
}

// rawAll sends bytes, says that there are no more, and returns all that comes back.
func rawAll(t testing.TB, s *Service, request string) string {
	t.Helper()
	conn := dial(t, s)
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(conn) // a reset ends it too
	return string(said)
}

func TestTheLogCannotBeForged(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	const mark = "level=INFO msg=forged-by-a-client"
	for _, path := range []string{"/v1/%0a" + escape(mark), "/%0d%0a" + escape(mark), "/v1/videos/batch-metadata?ids=%0a" + escape(mark)} {
		_, _ = raw(t, v.s, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x\x1b[31m\r\n\r\n")
		_, _ = raw(t, v.s, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x\r\nX-Request-Id: "+mark+"\r\n\r\n")
	}
	v.user.get("/v1/nothing", "User-Agent", mark, "X-Forwarded-For", mark).want(404)
	for line := range strings.Lines(v.s.Log.String()) {
		if strings.HasPrefix(line, mark) || strings.Contains(line, "\x1b") {
			t.Errorf("the log has the line %q", line)
		}
	}
	v.whole()
}

func TestForwardedHeadersMakeNobody(t *testing.T) {
	t.Parallel()
	w := world(t)
	w.anonymous().get("/v1/admin/audit", "X-Forwarded-For", "127.0.0.1", "X-Real-IP", "127.0.0.1", "Forwarded", "for=127.0.0.1",
		"X-User-Id", newID(), "X-Roles", "admin").want(401)
}
