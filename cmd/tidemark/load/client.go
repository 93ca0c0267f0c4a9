package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// requestLimit bounds one request. A service that takes longer has failed,
	// whatever it answers then.
	requestLimit = 30 * time.Second
	// answerLimit is the most that is read of an answer, in bytes: well over
	// what a batch of 1,000 IDs or 1,000 rejected events is answered with.
	answerLimit = 8 << 20
)

// ErrRemote comes from [NewClient] for a service on another machine that was
// not asked for expressly.
var ErrRemote = errors.New("is not on this machine: add --yes-remote if the service there is yours to load")

// Client speaks HTTP to one service. It follows no redirect and uses no proxy,
// so that requests go to the address that was checked and nowhere else.
type Client struct {
	base string
	http *http.Client
}

// NewClient returns a client for the service at address, such as
// http://127.0.0.1:8080, that keeps up to connections of them open. Unless
// remote is set, the host must be a loopback address or localhost; the error
// is [ErrRemote].
func NewClient(address string, remote bool, connections int) (*Client, error) {
	u, err := ParseAddress(address)
	if err != nil {
		return nil, err
	}
	if !remote && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("%s %w", u.Host, ErrRemote)
	}
	return &Client{
		base: strings.TrimRight(address, "/"),
		http: &http.Client{
			Timeout:       requestLimit,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				MaxIdleConns: connections, MaxIdleConnsPerHost: connections, IdleConnTimeout: time.Minute,
			},
		},
	}, nil
}

// ParseAddress reads the address of a service.
func ParseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%q is no address of a service; use one such as http://127.0.0.1:8080", address)
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request is one call of the API. Empty members are not sent.
type request struct {
	kind   Kind
	method string
	path   string
	media  string
	token  string
	key    string // Idempotency-Key
	body   []byte
}

// answer is what a request came back with.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// good reports a 2xx.
func (a *answer) good() bool { return a.status/100 == 2 }

// said is what a problem document says, shortened, for a person to read.
func (a *answer) said() string {
	const keep = 300
	text := strings.ToValidUTF8(string(a.body), "?")
	if len(text) > keep {
		text = text[:keep] + "…"
	}
	return fmt.Sprintf("%d %s: %s", a.status, http.StatusText(a.status), text)
}

// do sends a request and reads the whole answer.
func (c *Client) do(ctx context.Context, r *request) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"Content-Type": r.media, "Idempotency-Key": r.key} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return nil, fmt.Errorf("read the answer to %s %s: %w", r.method, r.path, err)
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: body}, nil
}
