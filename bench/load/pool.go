package load

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Pool is open connections to one server. It is for one goroutine.
type Pool struct {
	connections []connection
	epoll       int
	timer       int
	events      []unix.EpollEvent
}

// connection is one keep-alive connection with at most one request under way.
type connection struct {
	fd       int
	busy     bool
	intended time.Duration // since the start of the run
	unsent   []byte        // what the socket has not taken yet
	received []byte        // grows to the largest answer
}

// timerTag marks the timer among the events; connections have their number.
const timerTag = -1

// Dial opens as many connections to host:port.
func Dial(ctx context.Context, address string, connections int) (*Pool, error) {
	p := &Pool{epoll: -1, timer: -1, events: make([]unix.EpollEvent, min(connections+1, 1024))}
	if err := p.dial(ctx, address, connections); err != nil {
		p.Close()
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return p, nil
}

func (p *Pool) dial(ctx context.Context, address string, connections int) (err error) {
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if p.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	if err := p.watch(p.timer, timerTag, unix.EPOLLIN); err != nil {
		return err
	}
	for i := range connections {
		fd, err := dialOne(ctx, address)
		if err != nil {
			return err
		}
		p.connections = append(p.connections, connection{fd: fd, received: make([]byte, 0, 8<<10)})
		if err := p.watch(fd, int32(i), unix.EPOLLIN|unix.EPOLLRDHUP); err != nil {
			return err
		}
	}
	return nil
}

// dialOne returns a connected socket that belongs to nobody else: Go's own
// poller knows nothing of it.
func dialOne(ctx context.Context, address string) (int, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return -1, err
	}
	defer conn.Close()
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		return -1, err
	}
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	return fd, os.NewSyscallError("set O_NONBLOCK", unix.SetNonblock(fd, true))
}

func (p *Pool) watch(fd int, tag int32, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: tag}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &event))
}

// rewatch asks to be told when the connection can take more, or no longer.
func (p *Pool) rewatch(i int, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(i)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, unix.EPOLL_CTL_MOD, p.connections[i].fd, &event))
}

// Close closes all connections.
func (p *Pool) Close() {
	for i := range p.connections {
		_ = unix.Close(p.connections[i].fd) // nothing is under way that anybody waits for
	}
	for _, fd := range []int{p.timer, p.epoll} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	runtime.KeepAlive(p)
}
