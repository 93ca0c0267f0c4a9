package api

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

const (
	// maxTokenBytes bounds a bearer token; a longer one is refused unread.
	// Issuers that put dozens of claims in stay under 2 KiB.
	maxTokenBytes = 8 << 10
	// GoodSecretBytes is the length that an HS256 secret should have at least:
	// that of the hash (RFC 7518, section 3.2). A shorter one can be guessed
	// offline from a token; whoever configures it is warned.
	GoodSecretBytes = 32
	// notBeforeLeeway forgives an issuer whose clock runs ahead of ours. exp
	// gets none: a token is refused from the second that it names.
	notBeforeLeeway = 5 * time.Second
)

// AuthConfig says which tokens are good.
type AuthConfig struct {
	// Keys holds the keys that tokens may be signed with, and their algorithms.
	Keys KeySource
	// Issuer, where not empty, must equal the claim iss.
	Issuer string
	// Audience, where not empty, must be the claim aud or one of its entries.
	Audience string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Authenticator tells who makes a request. It is safe for concurrent use.
type Authenticator struct {
	cfg   AuthConfig
	cache tokenCache
}

// NewAuthenticator returns an Authenticator. It fails without keys only.
func NewAuthenticator(cfg AuthConfig) (*Authenticator, error) {
	if cfg.Keys == nil {
		return nil, errors.New("authenticate requests: no keys are configured; give a secret or a JWKS")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &Authenticator{cfg: cfg}
	a.cache.init()
	return a, nil
}

// tokenFault is why a token was refused, as the client reads it. It tells a
// wrong signature from a wrong claim no further than a holder of a good token
// needs.
type tokenFault string

func (f tokenFault) Error() string { return string(f) }

const (
	errTokenHeader    tokenFault = "There must be one Authorization header, of the form Bearer <token>."
	errTokenInvalid   tokenFault = "The bearer token is not valid."
	errTokenExpired   tokenFault = "The bearer token has expired."
	errTokenNotBefore tokenFault = "The bearer token is not valid yet."
)

// Shared header values; see RFC 6750, section 3.
var (
	challengeMissing = []string{`Bearer realm="tidemark"`}
	challengeInvalid = []string{`Bearer realm="tidemark", error="invalid_token"`}
)

// Authenticate returns the caller that the Authorization header names, or the
// anonymous Caller where there is no such header. A header that is there but
// not good is an Unauthorized problem on every route, public ones too.
func (a *Authenticator) Authenticate(r *http.Request) (Caller, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return Caller{}, nil
	}
	if len(values) > 1 {
		return Caller{}, refuseToken(errTokenHeader)
	}
	token, ok := bearerToken(values[0])
	if !ok {
		return Caller{}, refuseToken(errTokenHeader)
	}
	if len(token) > maxTokenBytes {
		return Caller{}, refuseToken(errTokenInvalid)
	}
	now, version := a.cfg.Now(), a.cfg.Keys.Version()
	claims, hit := a.cache.get(token, version)
	if !hit {
		var err error
		if claims, err = a.verify(r.Context(), token); err != nil {
			if errors.Is(err, ErrKeysUnavailable) {
				return Caller{}, Unavailable.Because(err)
			}
			return Caller{}, refuseToken(err)
		}
		a.cache.put(token, version, claims)
	}
	if err := claims.check(now); err != nil {
		return Caller{}, refuseToken(err)
	}
	return claims.caller, nil
}

func refuseToken(err error) *Problem {
	p := Unauthorized.With(err.Error())
	p.challenge = challengeInvalid
	return p
}

// bearerToken cuts the token out of the header's value. The scheme's case does
// not matter (RFC 9110, section 11.1).
func bearerToken(value string) (string, bool) {
	scheme, token, found := strings.Cut(value, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	token = strings.TrimLeft(token, " ")
	return token, token != "" && !strings.ContainsAny(token, " \t,")
}

// NewSecretKeys returns the KeySource of one HS256 secret. It fails where the
// secret is empty.
func NewSecretKeys(secret []byte) (KeySource, error) {
	if len(secret) == 0 {
		return nil, errors.New("use the JWT secret: it is empty; make one with: openssl rand -hex 32")
	}
	return secretKeys{Key{Algorithm: "HS256", Verify: append([]byte(nil), secret...)}}, nil
}
