package process

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// secret signs the tokens of every tidemark that the benchmark starts.
const secret = "a-secret-of-the-benchmark-that-guards-nothing-at-all"

// Tidemark is the real binary with its default configuration: every role,
// embedded log, fsync before every acknowledgement, checkpoints on.
type Tidemark struct {
	*Server
	// Address is host:port of the HTTP API.
	Address string
	Dir     string
}

// StartTidemark starts `tidemark serve` on a data directory and a port of its
// own, and returns once it is ready. Flags are added to those.
func StartTidemark(ctx context.Context, binary, dir, gogc string, flags ...string) (*Tidemark, error) {
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	t := &Tidemark{Address: address, Dir: dir}
	t.Server, err = Start(ctx, Spec{
		Name: "tidemark", Path: binary, Dir: dir,
		Args: append([]string{"serve", "--data-dir", filepath.Join(dir, "data"), "--listen", address, "--jwt-secret", secret, "--anonymous-views"}, flags...),
		Env:  []string{"GOGC=" + gogc},
		Ready: func(ctx context.Context, s *Server) error {
			return Answers(ctx, "http://"+address+"/readyz")
		},
		ReadyLimit: 5 * time.Minute,
	})
	return t, err
}

// Token returns a bearer token that its tidemark takes; roles are of service
// and admin. It is made here, and not by the binary, so that one may have
// thousands; user is a UUID.
func Token(user string, roles ...string) string {
	quoted := make([]string, len(roles))
	for i, role := range roles {
		quoted[i] = `"` + role + `"`
	}
	encode := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"sub":%q,"exp":%d,"roles":[%s]}`, user, time.Now().Add(24*time.Hour).Unix(), strings.Join(quoted, ","))
	signed := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(claims))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

// ServiceToken returns a token with the role service.
func ServiceToken() string {
	return Token("00000000-0000-4000-8000-00000000beef", "service")
}

// Answers returns nil if the address answers 200.
func Answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return nil
}

// FreeAddress returns a loopback address that nobody listens on.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
