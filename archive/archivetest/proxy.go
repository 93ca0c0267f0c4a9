package archivetest

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy stands between a client and a server and cuts connections in the
// middle of what is said.
type Proxy struct {
	t        testing.TB
	dir      string
	target   string
	listener net.Listener
	// left is how many bytes pass, in both directions together, before every
	// connection is cut; negative for no end.
	left atomic.Int64
	cuts atomic.Int64

	mu    sync.Mutex
	open  map[net.Conn]struct{}
	ended bool
	wg    sync.WaitGroup
}

// NewProxy listens for the clients of a server, until the test ends.
func NewProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	const socket = ".s.PGSQL.5432"
	p := &Proxy{t: t, dir: dir, target: filepath.Join(s.dir, socket), open: map[net.Conn]struct{}{}}
	p.left.Store(-1)
	if p.listener, err = net.Listen("unix", filepath.Join(dir, socket)); err != nil {
		t.Fatal(err)
	}
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// URL is the address of a database by way of the proxy; url is the direct one.
func (p *Proxy) URL(direct string) string {
	p.t.Helper()
	u, err := url.Parse(direct)
	if err != nil {
		p.t.Fatal(err)
	}
	query := u.Query()
	query.Set("host", p.dir)
	u.RawQuery = query.Encode()
	return u.String()
}

// CutAfter cuts all connections when so many bytes have passed. Later ones pass.
func (p *Proxy) CutAfter(bytes int64) { p.left.Store(bytes) }

// Cuts counts how often that has happened.
func (p *Proxy) Cuts() int64 { return p.cuts.Load() }

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		if p.ended {
			_, _ = client.Close(), server.Close()
		}
		p.open[client], p.open[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.wg.Go(func() { p.pass(server, client) })
		p.wg.Go(func() { p.pass(client, server) })
	}
}

// pass copies one direction until an end or a cut.
func (p *Proxy) pass(to, from net.Conn) {
	defer func() { p.forget(to, from) }()
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		n, cut := p.allow(n)
		if _, writeErr := to.Write(buf[:n]); writeErr != nil || err != nil {
			return
		}
		if cut {
			p.cuts.Add(1)
			p.cutAll()
			return
		}
	}
}

// allow takes n bytes off what may pass.
func (p *Proxy) allow(n int) (passes int, cut bool) {
	for {
		left := p.left.Load()
		switch {
		case left < 0:
			return n, false
		case int64(n) < left:
			if p.left.CompareAndSwap(left, left-int64(n)) {
				return n, false
			}
		case p.left.CompareAndSwap(left, -1):
			return int(left), true
		}
	}
}

func (p *Proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(p.open, c)
	}
}

func (p *Proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.cutAll()
	p.wg.Wait()
	_ = os.RemoveAll(p.dir)
}
