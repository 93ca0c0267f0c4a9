package api

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// signers are one key pair for each algorithm.
type signers struct {
	rsa     *rsa.PrivateKey
	ecdsa   *ecdsa.PrivateKey
	ed25519 ed25519.PrivateKey
}

func newSigners(t testing.TB) signers {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, d, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signers{r, e, d}
}

func (s signers) rsaJWK(more string) string {
	return fmt.Sprintf(`{"kty":"RSA","n":"%s","e":"%s"%s}`, b64(s.rsa.N.Bytes()), b64(big.NewInt(int64(s.rsa.E)).Bytes()), more)
}

func (s signers) ecJWK(t testing.TB, more string) string {
	t.Helper()
	point, err := s.ecdsa.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":"%s","y":"%s"%s}`, b64(point[1:33]), b64(point[33:]), more)
}

func (s signers) edJWK(more string) string {
	return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":"%s"%s}`, b64(s.ed25519.Public().(ed25519.PublicKey)), more)
}

func signWith(t testing.TB, method jwt.SigningMethod, key any, kid any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims{"sub": alice.String(), "exp": testNow.Add(time.Minute).Unix()})
	if kid != nil {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func jwksAuth(t testing.TB, keys ...string) *Authenticator {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(path, []byte(`{"keys":[`+strings.Join(keys, ",")+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := NewKeyFile(path, discard)
	if err != nil {
		t.Fatal(err)
	}
	return authOf(t, source)
}

func TestJWKSVerifiesEachAlgorithm(t *testing.T) {
	s, other := newSigners(t), newSigners(t)
	encryption := other.rsaJWK(`,"kid":"enc","use":"enc"`)
	unheardOf := `{"kty":"AKP","kid":"later","alg":"ML-DSA-44","pub":"AA"}`
	a := jwksAuth(t, s.rsaJWK(`,"kid":"r","use":"sig","alg":"RS256"`), s.ecJWK(t, `,"kid":"e","key_ops":["verify"]`),
		s.edJWK(`,"kid":"d"`), encryption, unheardOf)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(crypto.PublicKey(&s.rsa.PublicKey)))})
	for name, tt := range map[string]struct {
		token string
		good  bool
	}{
		"RS256":                        {signWith(t, jwt.SigningMethodRS256, s.rsa, "r"), true},
		"ES256":                        {signWith(t, jwt.SigningMethodES256, s.ecdsa, "e"), true},
		"EdDSA":                        {signWith(t, jwt.SigningMethodEdDSA, s.ed25519, "d"), true},
		"no kid of several":            {signWith(t, jwt.SigningMethodRS256, s.rsa, nil), false},
		"unknown kid":                  {signWith(t, jwt.SigningMethodRS256, s.rsa, "x"), false},
		"empty kid":                    {signWith(t, jwt.SigningMethodRS256, s.rsa, ""), false},
		"path in kid":                  {signWith(t, jwt.SigningMethodRS256, s.rsa, "../r"), false},
		"kid of another key":           {signWith(t, jwt.SigningMethodRS256, s.rsa, "e"), false},
		"kid of an encryption key":     {signWith(t, jwt.SigningMethodRS256, other.rsa, "enc"), false},
		"same key, PS256":              {signWith(t, jwt.SigningMethodPS256, s.rsa, "r"), false},
		"same key, RS512":              {signWith(t, jwt.SigningMethodRS512, s.rsa, "r"), false},
		"another's key":                {signWith(t, jwt.SigningMethodRS256, other.rsa, "r"), false},
		"HS256 with the public key":    {signHS256(public, `{"alg":"HS256","kid":"r"}`, goodClaims("")), false},
		"HS256 with the modulus":       {signHS256(s.rsa.N.Bytes(), `{"alg":"HS256","kid":"r"}`, goodClaims("")), false},
		"HS256 with the Ed25519 key":   {signHS256(s.ed25519.Public().(ed25519.PublicKey), `{"alg":"HS256","kid":"d"}`, goodClaims("")), false},
		"none":                         {signWith(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "r"), false},
		"alg says ES256, key is RS256": {signHS256(nil, `{"alg":"ES256","kid":"r"}`, goodClaims("")), false},
	} {
		caller, err := authenticate(a, "Bearer "+tt.token)
		if (err == nil) != tt.good || caller.Known != tt.good {
			t.Errorf("%s: %+v, %v", name, caller, err)
		}
	}
	single := jwksAuth(t, s.edJWK(``))
	if _, err := authenticate(single, "Bearer "+signWith(t, jwt.SigningMethodEdDSA, s.ed25519, nil)); err != nil {
		t.Errorf("single key without kid: %v", err)
	}
	if _, err := authenticate(single, "Bearer "+signWith(t, jwt.SigningMethodEdDSA, s.ed25519, "x")); err == nil {
		t.Error("single key without kid took a token that names one")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestJWKSThatAreRefused(t *testing.T) {
	s := newSigners(t)
	small := b64(new(big.Int).Lsh(big.NewInt(1), 1023).Bytes())
	for name, text := range map[string]string{
		"empty":             ``,
		"no object":         `[]`,
		"no keys":           `{"keys":[]}`,
		"no member keys":    `{"error":"not found"}`,
		"only encryption":   `{"keys":[` + s.rsaJWK(`,"use":"enc"`) + `]}`,
		"duplicate member":  `{"keys":[],"keys":[` + s.edJWK("") + `]}`,
		"kid twice":         `{"keys":[` + s.edJWK(`,"kid":"a"`) + `,` + s.rsaJWK(`,"kid":"a"`) + `]}`,
		"no kid twice":      `{"keys":[` + s.edJWK(``) + `,` + s.rsaJWK(``) + `]}`,
		"private":           `{"keys":[` + s.edJWK(`,"d":"AAAA"`) + `]}`,
		"symmetric":         `{"keys":[{"kty":"oct","k":"AAAA"}]}`,
		"1024 bits":         `{"keys":[{"kty":"RSA","n":"` + small + `","e":"AQAB"}]}`,
		"even exponent":     `{"keys":[` + strings.Replace(s.rsaJWK(""), "AQAB", "AQAA", 1) + `]}`,
		"point off curve":   `{"keys":[{"kty":"EC","crv":"P-256","x":"` + b64(make([]byte, 32)) + `","y":"` + b64(make([]byte, 32)) + `"}]}`,
		"short Ed25519 key": `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}`,
		"not base64":        `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"%%"}]}`,
		"wrong type":        `{"keys":[{"kty":1}]}`,
	} {
		if _, err := parseJWKS([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := NewKeyFile(filepath.Join(t.TempDir(), "none.json"), discard); err == nil {
		t.Error("missing file: accepted")
	}
}
