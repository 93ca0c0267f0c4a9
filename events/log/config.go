package log

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config says where the event log is. Exactly one of Dir and URL is set.
type Config struct {
	// Dir is the directory of the embedded JetStream, made with mode 0700 where
	// it is not there. It belongs to the log alone.
	Dir string
	// Listen is a host:port on which the embedded JetStream takes connections,
	// so that the nats command line can attach; "" for none. There is no
	// password, so the host must be a loopback address. Port 0 picks one.
	Listen string
	// MaxStoreBytes bounds the embedded JetStream's storage; 0 for 1 TiB, which
	// leaves it to the free-space guard.
	MaxStoreBytes int64
	// UnsafeSyncInterval, where above 0, lets the embedded JetStream acknowledge
	// before it fsyncs, and fsync at that interval. It exists for one purpose:
	// to show that the power-cut test fails without SyncAlways.
	UnsafeSyncInterval time.Duration

	// URL is an outside JetStream: nats:// or tls:// addresses, comma separated.
	URL string
	// Credentials for URL: at most one of CredsFile, NKeyFile, User (with
	// Password) and Token.
	CredsFile, NKeyFile, User, Password, Token string
	// TLSCA is a PEM file of authorities to trust for URL; TLSCert and TLSKey
	// are PEM files that name this client.
	TLSCA, TLSCert, TLSKey string
	// Replicas of streams that are created at URL: 0 for 1, at most 5.
	Replicas int

	// Existing: the log has been here before. Open then fails with ErrForeignLog
	// where the stream is gone, and does not make an empty one in its place.
	Existing bool

	// Adopting: the log is opened to be adopted (Log.Adopt). Open then takes a
	// stream that has no incarnation.
	Adopting bool

	// Logger takes what NATS and this package have to say; nil for nobody.
	Logger *slog.Logger

	// The rest is for tests of this package.
	importing   bool // see Import
	duplicates  time.Duration
	allowDelete bool
	watchdog    time.Duration
}

const (
	// defaultMaxStoreBytes is not the server's default, which is the disk's
	// free space at the first start.
	defaultMaxStoreBytes = 1 << 40
	// serverMemoryBytes bounds memory streams and consumers, of which only the
	// state of the readers' consumers exists. The server's default is 75 % of RAM.
	serverMemoryBytes = 64 << 20
	// duplicatesWindow is short because each message ID in it costs memory, and
	// because nothing depends on it: the expected sequence fences repeats.
	duplicatesWindow = 2 * time.Minute
	// watchdogLimit is how long a reader behind the log waits for the next
	// message before it replaces its consumer.
	watchdogLimit = 2 * time.Second
)

// Where says where the log is, for people: "embedded", or the addresses without
// what they may hold of passwords.
func (c Config) Where() string {
	if c.URL == "" {
		return "embedded"
	}
	addresses := strings.Split(c.URL, ",")
	for i, address := range addresses {
		if u, err := url.Parse(strings.TrimSpace(address)); err == nil {
			addresses[i] = u.Redacted()
		} else {
			addresses[i] = "(not an address)"
		}
	}
	return strings.Join(addresses, ",")
}

func (c Config) withDefaults() Config {
	if c.MaxStoreBytes == 0 {
		c.MaxStoreBytes = defaultMaxStoreBytes
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.duplicates == 0 {
		c.duplicates = duplicatesWindow
	}
	if c.watchdog == 0 {
		c.watchdog = watchdogLimit
	}
	return c
}

// check returns the first thing that is wrong, in the words of the flags.
func (c Config) check() error {
	switch {
	case c.Dir == "" && c.URL == "":
		return errors.New("neither a directory for the embedded JetStream nor the address of an outside one is set")
	case c.Dir != "" && c.URL != "":
		return errors.New("both an embedded and an outside JetStream are asked for: leave one out")
	case c.MaxStoreBytes < 0:
		return fmt.Errorf("a storage limit of %d bytes is below 0", c.MaxStoreBytes)
	case c.UnsafeSyncInterval < 0:
		return fmt.Errorf("a sync interval of %s is below 0", c.UnsafeSyncInterval)
	case c.Replicas < 0 || c.Replicas > 5:
		return fmt.Errorf("%d replicas: JetStream keeps 1 to 5", c.Replicas)
	case c.URL == "" && c.Replicas > 1:
		return errors.New("replicas need an outside JetStream: set its address")
	case c.URL != "" && c.Listen != "":
		return errors.New("a listener is for the embedded JetStream: leave it out where an outside one is used")
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("a TLS client certificate and its key come together: set both or none")
	case c.Password != "" && c.User == "":
		return errors.New("a NATS password needs a user")
	}
	if ways := c.credentials(); ways > 1 {
		return errors.New("more than one kind of NATS credentials is set: keep one of credentials file, NKey, user and token")
	} else if c.URL == "" && (ways > 0 || c.TLSCA != "" || c.TLSCert != "") {
		return errors.New("NATS credentials and TLS files are for an outside JetStream: set its address or leave them out")
	}
	if c.Listen != "" {
		_, _, err := listenAddress(c.Listen)
		return err
	}
	return nil
}

func (c Config) credentials() int {
	n := 0
	for _, way := range []string{c.CredsFile, c.NKeyFile, c.User, c.Token} {
		if way != "" {
			n++
		}
	}
	return n
}

// listenAddress splits host:port and refuses all but loopback: whoever can
// connect may read and write the event log.
func listenAddress(listen string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("NATS listen address %q is not host:port: %w", listen, err)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("NATS listen address %q has no port from 0 to 65535", listen)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return "", 0, fmt.Errorf("NATS listen address %q is not a loopback address: without a password only this machine may connect (use 127.0.0.1, or an outside JetStream)", listen)
	}
	return host, int(number), nil
}
