package log

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// authority signs certificates for the tests' servers and clients.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // its certificate
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key, file: filepath.Join(t.TempDir(), "ca.pem")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue writes a certificate for 127.0.0.1 and its key.
func (a *authority) issue(name string) (certFile, keyFile string) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	dir := a.t.TempDir()
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	writePEM(a.t, certFile, "CERTIFICATE", der)
	writePEM(a.t, keyFile, "PRIVATE KEY", keyDER)
	return certFile, keyFile
}

// guardedServer starts a JetStream that lets nobody in unasked.
func guardedServer(t *testing.T, guard func(*server.Options)) string {
	t.Helper()
	options := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: filepath.Join(t.TempDir(), "js"), SyncAlways: true}
	guard(options)
	srv, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { stopServer(srv) })
	if !srv.ReadyForConnections(readyLimit) {
		t.Fatal("server is not ready")
	}
	return srv.Addr().String()
}

// TestCredentialsOpenAnOutsideJetStream has a real server ask for each kind of
// credentials; without them it lets nobody in, with them commands are stored.
func TestCredentialsOpenAnOutsideJetStream(t *testing.T) {
	ca := newAuthority(t)
	serverCert, serverKey := ca.issue("server")
	clientCert, clientKey := ca.issue("client")
	tlsConfig := func(clientCerts bool) *tls.Config {
		c, err := server.GenTLSConfig(&server.TLSConfigOpts{CertFile: serverCert, KeyFile: serverKey, CaFile: ca.file, Verify: clientCerts})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	seedFile, publicKey := newSeed(t)
	credsFile, operator := newOperator(t)
	for name, c := range map[string]struct {
		guard func(*server.Options)
		give  func(*Config)
	}{
		"user and password": {
			func(o *server.Options) { o.Username, o.Password = "u", "p" },
			func(c *Config) { c.User, c.Password = "u", "p" },
		},
		"token": {
			func(o *server.Options) { o.Authorization = "t" },
			func(c *Config) { c.Token = "t" },
		},
		"nkey": {
			func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: publicKey}} },
			func(c *Config) { c.NKeyFile = seedFile },
		},
		"credentials file": {operator, func(c *Config) { c.CredsFile = credsFile }},
		"TLS of a private authority": {
			func(o *server.Options) { o.TLS, o.TLSConfig = true, tlsConfig(false) },
			func(c *Config) { c.TLSCA = ca.file },
		},
		"TLS with a client's certificate": {
			func(o *server.Options) { o.TLS, o.TLSVerify, o.TLSConfig = true, true, tlsConfig(true) },
			func(c *Config) { c.TLSCA, c.TLSCert, c.TLSKey = ca.file, clientCert, clientKey },
		},
	} {
		t.Run(name, func(t *testing.T) {
			address := guardedServer(t, c.guard)
			if l, err := Open(testContext(t), Config{URL: address}); err == nil {
				l.Close()
				t.Fatal("let in without credentials")
			}
			cfg := Config{URL: address}
			c.give(&cfg)
			l := openLog(t, cfg)
			w := l.NewWriter(WriterConfig{})
			runWriter(t, w)
			commit(t, w, "stored")
			if got := count(t, l, "stored"); got != 1 {
				t.Errorf("stored %d times", got)
			}
		})
	}
}

// newSeed writes the seed of a user's NKey and returns its public half.
func newSeed(t *testing.T) (file, public string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "user.nk")
	if err := os.WriteFile(file, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, public
}

// newOperator writes the credentials file of a user whose account an operator
// has signed, and returns what a server of that operator needs.
func newOperator(t *testing.T) (credsFile string, guard func(*server.Options)) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pair := func(create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		p, err := create()
		must(err)
		public, err := p.PublicKey()
		must(err)
		return p, public
	}
	operator, operatorID := pair(nkeys.CreateOperator)
	account, accountID := pair(nkeys.CreateAccount)
	_, systemID := pair(nkeys.CreateAccount)
	user, userID := pair(nkeys.CreateUser)

	accounts := &server.MemAccResolver{}
	for _, id := range []string{accountID, systemID} {
		claims := jwt.NewAccountClaims(id)
		if id == accountID {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit}
		}
		signed, err := claims.Encode(operator)
		must(err)
		must(accounts.Store(id, signed))
	}
	signedUser, err := jwt.NewUserClaims(userID).Encode(account)
	must(err)
	seed, err := user.Seed()
	must(err)
	creds, err := jwt.FormatUserConfig(signedUser, seed)
	must(err)
	credsFile = filepath.Join(t.TempDir(), "user.creds")
	must(os.WriteFile(credsFile, creds, 0o600))
	return credsFile, func(o *server.Options) {
		o.TrustedOperators = []*jwt.OperatorClaims{jwt.NewOperatorClaims(operatorID)}
		o.AccountResolver, o.SystemAccount = accounts, systemID
	}
}
