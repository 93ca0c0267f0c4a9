package blackbox

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
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
)

func TestTokensThatAreNotGood(t *testing.T) {
	t.Parallel()
	w := world(t)
	sub := newID()
	header := obj{"alg": "HS256", "typ": "JWT"}
	good := claims(sub)
	with := func(name string, value any) obj {
		c := claims(sub)
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return c
	}
	token := sign(header, good, secret)
	parts := strings.Split(token, ".")
	hs512 := func() string {
		signed := encode([]byte(`{"alg":"HS512"}`)) + "." + parts[1]
		mac := hmac.New(sha512.New, []byte(secret))
		mac.Write([]byte(signed))
		return signed + "." + encode(mac.Sum(nil))
	}()
	unix := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for name, bad := range map[string]string{
		"words":                    "let me in",
		"one part":                 parts[0],
		"two parts":                parts[0] + "." + parts[1],
		"four parts":               token + "." + parts[2],
		"no signature":             parts[0] + "." + parts[1] + ".",
		"a signature of another":   parts[0] + "." + parts[1] + "." + strings.Split(mint(newID()), ".")[2],
		"another secret":           sign(header, good, secret+"!"),
		"empty secret":             sign(header, good, ""),
		"alg none":                 encode([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"alg None, signed":         sign(obj{"alg": "None"}, good, secret),
		"alg HS512":                hs512,
		"alg RS256":                sign(obj{"alg": "RS256"}, good, secret),
		"alg missing":              sign(obj{"typ": "JWT"}, good, secret),
		"alg a list":               sign(obj{"alg": []string{"HS256"}}, good, secret),
		"alg twice":                signText(`{"alg":"HS256","alg":"none"}`, mustJSON(good), secret),
		"crit":                     sign(obj{"alg": "HS256", "crit": []string{"b64"}, "b64": false}, good, secret),
		"expired":                  sign(header, with("exp", unix(-time.Minute)), secret),
		"exp missing":              sign(header, with("exp", nil), secret),
		"exp text":                 sign(header, with("exp", "2099-01-01"), secret),
		"exp null":                 signText(mustJSON(header), `{"sub":"`+sub+`","exp":null}`, secret),
		"exp negative":             sign(header, with("exp", -1), secret),
		"not yet valid":            sign(header, with("nbf", unix(time.Hour)), secret),
		"nbf text":                 sign(header, with("nbf", "now"), secret),
		"sub missing":              sign(header, with("sub", nil), secret),
		"sub a name":               sign(header, with("sub", "alice"), secret),
		"sub a number":             sign(header, with("sub", 7), secret),
		"sub a urn":                sign(header, with("sub", "urn:uuid:"+sub), secret),
		"sub twice":                signText(mustJSON(header), `{"sub":"`+sub+`","sub":"`+newID()+`","exp":4102444800}`, secret),
		"roles text":               sign(header, with("roles", "admin"), secret),
		"roles of numbers":         sign(header, with("roles", []int{1}), secret),
		"claims a list":            signText(mustJSON(header), `[]`, secret),
		"claims not JSON":          signText(mustJSON(header), `{`, secret),
		"trailing data":            signText(mustJSON(header), mustJSON(good)+"{}", secret),
		"padded base64":            parts[0] + "=." + parts[1] + "." + parts[2],
		"16 KB of dots":            strings.Repeat(".", 16<<10),
		"16 KB of text":            strings.Repeat("a", 16<<10),
		"the token twice":          token + "," + token,
		"the token and a space":    token + " x",
		"the token with a percent": "%20" + token,
	} {
		headers := []string{"Authorization", "Bearer " + bad}
		asked := map[string]*Answer{
			"a query for tokens": w.anonymous().get("/v1/position", headers...),
			"a public query":     w.anonymous().get("/v1/videos/batch-metadata?ids="+newID(), headers...),
			"a command":          w.anonymous().post("/v1/videos", obj{"video_id": newID()}, headers...),
		}
		for where, a := range asked {
			if a.Status != 401 {
				t.Errorf("%s, on %s: status %d, want 401: %s", name, where, a.Status, a.Body)
			}
		}
	}
	for name, headers := range map[string][]string{
		"none":            nil,
		"empty":           {"Authorization", ""},
		"scheme alone":    {"Authorization", "Bearer"},
		"scheme, space":   {"Authorization", "Bearer "},
		"Basic":           {"Authorization", "Basic " + encode([]byte("a:b"))},
		"no scheme":       {"Authorization", token},
		"two headers":     {"Authorization", "Bearer " + token, "Authorization", "Bearer " + token},
		"another header":  {"X-Authorization", "Bearer " + token},
		"a proxy's":       {"Proxy-Authorization", "Bearer " + token},
		"in a cookie":     {"Cookie", "Authorization=Bearer " + token},
		"token, no space": {"Authorization", "Bearer" + token},
	} {
		if a := w.anonymous().get("/v1/position", headers...); a.Status != 401 {
			t.Errorf("%s: status %d, want 401", name, a.Status)
		}
	}
	w.anonymous().get("/v1/position?access_token="+token).wantOneOf(401, 422)
	w.anonymous().get("/v1/position", "Authorization", "Bearer "+token).want(200)
	w.anonymous().get("/v1/position", "Authorization", "bearer "+token).want(200)
}

func TestRolesThatAreUnknownGiveNothing(t *testing.T) {
	t.Parallel()
	w := world(t)
	for _, role := range []string{"Admin", "ADMIN", "root", "admin ", "service,admin", "*", ""} {
		stranger := w.caller(role)
		stranger.get("/v1/position").want(200)
		stranger.get("/v1/admin/audit").want(403)
		stranger.post("/v1/notifications", obj{}).want(403)
	}
	extra := &Caller{w: w, ID: newID()}
	c := claims(extra.ID)
	c["is_admin"], c["role"], c["scope"] = true, "admin", "admin"
	extra.token = sign(obj{"alg": "HS256"}, c, secret)
	extra.get("/v1/admin/audit").want(403)
}

func TestKeySetsOfTheirOwn(t *testing.T) {
	t.Parallel()
	key, attacker := newRSAKey(t), newRSAKey(t)
	file := filepath.Join(t.TempDir(), "keys.json")
	set := obj{"keys": []obj{publicJWK("key-1", &key.PublicKey)}}
	if err := os.WriteFile(file, []byte(mustJSON(set)), 0o600); err != nil {
		t.Fatal(err)
	}
	w := worldOf(t, startIn(t, t.TempDir(), "--jwks-file", file))
	ask := func(token string) int {
		t.Helper()
		return w.anonymous().get("/v1/position", "Authorization", "Bearer "+token).Status
	}
	c := claims(newID())
	if status := ask(signRSA(t, obj{"alg": "RS256", "kid": "key-1"}, c, key)); status != 200 {
		t.Fatalf("a good RS256 token: status %d", status)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	for name, token := range map[string]string{
		"HS256 with the public key":   sign(obj{"alg": "HS256", "kid": "key-1"}, c, public),
		"HS256 with the key's bytes":  sign(obj{"alg": "HS256", "kid": "key-1"}, c, string(der)),
		"another key, the same kid":   signRSA(t, obj{"alg": "RS256", "kid": "key-1"}, c, attacker),
		"an unknown kid":              signRSA(t, obj{"alg": "RS256", "kid": "key-2"}, c, key),
		"a path for a kid":            signRSA(t, obj{"alg": "RS256", "kid": "../../../../dev/null"}, c, key),
		"a kid that is a number":      signRSA(t, obj{"alg": "RS256", "kid": 1}, c, key),
		"jku":                         signRSA(t, obj{"alg": "RS256", "kid": "evil", "jku": "http://127.0.0.1:1/keys"}, c, attacker),
		"jwk":                         signRSA(t, obj{"alg": "RS256", "kid": "evil", "jwk": publicJWK("evil", &attacker.PublicKey)}, c, attacker),
		"jwk under a known kid":       signRSA(t, obj{"alg": "RS256", "kid": "key-1", "jwk": publicJWK("key-1", &attacker.PublicKey)}, c, attacker),
		"PS256 by name":               signRSA(t, obj{"alg": "PS256", "kid": "key-1"}, c, key),
		"none":                        encode([]byte(`{"alg":"none","kid":"key-1"}`)) + "." + encode([]byte(mustJSON(c))) + ".",
		"a token of the secret's way": mint(newID()),
	} {
		if status := ask(token); status != 401 {
			t.Errorf("%s: status %d, want 401", name, status)
		}
	}
}

// TestKeysRotate: a key that is put into the file is good beside the old one, and
// one that is taken out is not, without a restart.
func TestKeysRotate(t *testing.T) {
	t.Parallel()
	old, fresh := newRSAKey(t), newRSAKey(t)
	file := filepath.Join(t.TempDir(), "keys.json")
	put := func(keys ...obj) {
		t.Helper()
		beside := file + ".new"
		if err := os.WriteFile(beside, []byte(mustJSON(obj{"keys": keys})), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(beside, file); err != nil {
			t.Fatal(err)
		}
	}
	oldKey, newKey := publicJWK("old", &old.PublicKey), publicJWK("new", &fresh.PublicKey)
	put(oldKey)
	s := startIn(t, t.TempDir(), "--jwks-file", file)
	w, c := worldOf(t, s), claims(newID())
	oldToken := "Bearer " + signRSA(t, obj{"alg": "RS256", "kid": "old"}, c, old)
	newToken := "Bearer " + signRSA(t, obj{"alg": "RS256", "kid": "new"}, c, fresh)
	ask := func(token string) int { return w.anonymous().get("/v1/position", "Authorization", token).Status }
	becomes := func(what, token string, status int) {
		t.Helper()
		eventually(t, what, func() (bool, string) {
			got := ask(token)
			return got == status, fmt.Sprintf("status %d, want %d", got, status)
		})
	}
	if a, b := ask(oldToken), ask(newToken); a != 200 || b != 401 {
		t.Fatalf("status %d for the key in the file, and %d for another", a, b)
	}
	put(oldKey, newKey)
	becomes("the new key is good", newToken, 200)
	if status := ask(oldToken); status != 200 {
		t.Errorf("the old key beside it: status %d", status)
	}
	put(newKey)
	becomes("the old key is good no more", oldToken, 401)

	s.expects = "the JWKS file cannot be used"
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the loss of the file shows", func() (bool, string) {
		text := string(w.anonymous().get("/metrics").want(200).Body)
		return strings.Contains(text, "\ntidemark_jwks_file_unusable 1\n"), "no sign of it"
	})
	if status := ask(newToken); status != 200 {
		t.Errorf("without the file, the key read before: status %d", status)
	}
	put(oldKey)
	becomes("the key of the next file is good", oldToken, 200)
}

func newRSAKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func publicJWK(kid string, key *rsa.PublicKey) obj {
	return obj{
		"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig",
		"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
	}
}

func signRSA(t *testing.T, header, payload any, key *rsa.PrivateKey) string {
	t.Helper()
	signed := encode([]byte(mustJSON(header))) + "." + encode([]byte(mustJSON(payload)))
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + encode(signature)
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func TestTokensForOthersAreNotGood(t *testing.T) {
	t.Parallel()
	w := worldOf(t, start(t, "--jwt-audience", "tidemark", "--jwt-issuer", "https://id.example.org"))
	for name, test := range map[string]struct {
		audience, issuer any
		want             int
	}{
		"for us":                {"tidemark", "https://id.example.org", 200},
		"for us among others":   {[]string{"other", "tidemark"}, "https://id.example.org", 200},
		"for others":            {"other", "https://id.example.org", 401},
		"for nobody":            {nil, "https://id.example.org", 401},
		"for us in capitals":    {"Tidemark", "https://id.example.org", 401},
		"of another issuer":     {"tidemark", "https://evil.example.com", 401},
		"of nobody":             {"tidemark", nil, 401},
		"the audience a number": {7, "https://id.example.org", 401},
	} {
		c := claims(newID())
		if test.audience != nil {
			c["aud"] = test.audience
		}
		if test.issuer != nil {
			c["iss"] = test.issuer
		}
		token := sign(obj{"alg": "HS256"}, c, secret)
		if a := w.anonymous().get("/v1/position", "Authorization", "Bearer "+token); a.Status != test.want {
			t.Errorf("%s: status %d, want %d", name, a.Status, test.want)
		}
	}
}
