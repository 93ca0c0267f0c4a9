package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

func segment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// signHS256 signs whatever it is given, well-formed or not.
func signHS256(secret []byte, header, payload string) string {
	signed := segment(header) + "." + segment(payload)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

const hs256 = `{"alg":"HS256","typ":"JWT"}`

// goodClaims has room for more members, or for one that comes twice.
func goodClaims(more string) string {
	return fmt.Sprintf(`{"sub":"%s","exp":%d%s}`, alice, testNow.Add(time.Minute).Unix(), more)
}

func authenticate(a *Authenticator, values ...string) (Caller, error) {
	r := &http.Request{Header: http.Header{}}
	if len(values) > 0 {
		r.Header["Authorization"] = values
	}
	return a.Authenticate(r)
}

func TestGoodTokens(t *testing.T) {
	a := secretAuth(t)
	for _, tt := range []struct {
		name, payload string
		roles         Roles
	}{
		{"bare", goodClaims(""), 0},
		{"roles", goodClaims(`,"roles":["admin","service","unheard-of"]`), Roles(RoleAdmin | RoleService)},
		{"no roles", goodClaims(`,"roles":[]`), 0},
		{"another case is another claim", goodClaims(`,"Roles":["admin"],"SUB":1`), 0},
		{"nbf now", goodClaims(fmt.Sprintf(`,"nbf":%d`, testNow.Unix())), 0},
		{"nbf within the leeway", goodClaims(fmt.Sprintf(`,"nbf":%d`, testNow.Unix()+5)), 0},
		{"fractions", strings.Replace(goodClaims(`,"nbf":1.5`), `,"exp":`, `,"exp":9.5e9,"was":`, 1), 0},
		{"exp far away", fmt.Sprintf(`{"sub":"%s","exp":1e300}`, alice), 0},
		{"capitals in sub", strings.Replace(goodClaims(""), alice.String(), strings.ToUpper(alice.String()), 1), 0},
		{"aud and iss are not asked for", goodClaims(`,"aud":7,"iss":[]`), 0},
	} {
		for range 2 { // the second is answered from the cache
			caller, err := authenticate(a, "bEaReR "+signHS256(testSecret, hs256, tt.payload))
			if err != nil || caller != (Caller{ID: alice, Roles: tt.roles, Known: true}) {
				t.Errorf("%s: %+v, %v", tt.name, caller, err)
			}
		}
	}
	if caller, err := authenticate(a); err != nil || caller.Known {
		t.Errorf("no header: %+v, %v", caller, err)
	}
}

func TestBadTokens(t *testing.T) {
	a := secretAuth(t)
	good := signHS256(testSecret, hs256, goodClaims(""))
	parts := strings.Split(good, ".")
	sign := func(header, payload string) []string {
		return []string{"Bearer " + signHS256(testSecret, header, payload)}
	}
	claims := func(format string, args ...any) []string { return sign(hs256, fmt.Sprintf(format, args...)) }
	soon := testNow.Add(time.Minute).Unix()
	for name, values := range map[string][]string{
		"empty header":            {""},
		"no token":                {"Bearer"},
		"no token after a space":  {"Bearer "},
		"another scheme":          {"Basic " + good},
		"no scheme":               {good},
		"two headers":             {"Bearer " + good, "Bearer " + good},
		"two in one header":       {"Bearer " + good + ", Bearer " + good},
		"two segments":            {"Bearer " + parts[0] + "." + parts[1]},
		"four segments":           {"Bearer " + good + ".x"},
		"over 8 KiB":              sign(hs256, goodClaims(`,"pad":"`+strings.Repeat("x", 8<<10)+`"`)),
		"1 MB of dots":            {"Bearer " + strings.Repeat(".", 1<<20)},
		"alg none":                {"Bearer " + segment(`{"alg":"none"}`) + "." + parts[1] + "."},
		"alg None":                {"Bearer " + segment(`{"alg":"None"}`) + "." + parts[1] + "." + parts[2]},
		"signed, alg none":        sign(`{"alg":"none"}`, goodClaims("")),
		"alg HS384":               sign(`{"alg":"HS384"}`, goodClaims("")),
		"alg RS256":               sign(`{"alg":"RS256"}`, goodClaims("")),
		"alg missing":             sign(`{"typ":"JWT"}`, goodClaims("")),
		"alg twice":               sign(`{"alg":"HS256","alg":"HS256"}`, goodClaims("")),
		"alg is a number":         sign(`{"alg":1}`, goodClaims("")),
		"crit":                    sign(`{"alg":"HS256","crit":["b64"],"b64":false}`, goodClaims("")),
		"unknown kid":             sign(`{"alg":"HS256","kid":"other"}`, goodClaims("")),
		"path in kid":             sign(`{"alg":"HS256","kid":"../../../../dev/null"}`, goodClaims("")),
		"kid is a number":         sign(`{"alg":"HS256","kid":1}`, goodClaims("")),
		"header is an array":      sign(`["HS256"]`, goodClaims("")),
		"header is null":          sign(`null`, goodClaims("")),
		"payload is no JSON":      sign(hs256, goodClaims("")+"x"),
		"another secret":          {"Bearer " + signHS256([]byte("another"), hs256, goodClaims(""))},
		"empty secret":            {"Bearer " + signHS256(nil, hs256, goodClaims(""))},
		"no signature":            {"Bearer " + parts[0] + "." + parts[1] + "."},
		"payload changed":         {"Bearer " + parts[0] + "." + segment(goodClaims(`,"roles":["admin"]`)) + "." + parts[2]},
		"signature padded":        {"Bearer " + good + "="},
		"signature, sloppy bits":  {"Bearer " + good[:len(good)-1] + string(sloppy(good[len(good)-1]))},
		"own key in jwk":          {"Bearer " + signHS256([]byte("mine"), `{"alg":"HS256","jwk":{"kty":"oct","k":"bWluZQ"}}`, goodClaims(""))},
		"own key by jku":          {"Bearer " + signHS256([]byte("mine"), `{"alg":"HS256","jku":"http://127.0.0.1/"}`, goodClaims(""))},
		"own key by x5u":          {"Bearer " + signHS256([]byte("mine"), `{"alg":"HS256","x5u":"http://127.0.0.1/"}`, goodClaims(""))},
		"no exp":                  claims(`{"sub":"%s"}`, alice),
		"exp now":                 claims(`{"sub":"%s","exp":%d}`, alice, testNow.Unix()),
		"expired":                 claims(`{"sub":"%s","exp":%d}`, alice, testNow.Unix()-1),
		"exp is a string":         claims(`{"sub":"%s","exp":"%d"}`, alice, soon),
		"exp is null":             claims(`{"sub":"%s","exp":null}`, alice),
		"exp negative":            claims(`{"sub":"%s","exp":-1}`, alice),
		"exp overflows":           claims(`{"sub":"%s","exp":1e400}`, alice),
		"exp twice":               claims(`{"sub":"%s","exp":1,"exp":%d}`, alice, soon),
		"not yet valid":           claims(`{"sub":"%s","exp":%d,"nbf":%d}`, alice, soon, testNow.Unix()+6),
		"nbf is a string":         claims(`{"sub":"%s","exp":%d,"nbf":"1"}`, alice, soon),
		"no sub":                  claims(`{"exp":%d}`, soon),
		"sub is no UUID":          claims(`{"sub":"alice","exp":%d}`, soon),
		"sub is urn:uuid":         claims(`{"sub":"urn:uuid:%s","exp":%d}`, alice, soon),
		"sub is a list":           claims(`{"sub":["%s"],"exp":%d}`, alice, soon),
		"sub twice":               claims(`{"sub":"%s","exp":%d,"sub":"%s"}`, alice, soon, alice),
		"sub twice, once escaped": claims(`{"sub":"%s","exp":%d,"\u0073ub":"%s"}`, alice, soon, alice),
		"roles is a string":       sign(hs256, goodClaims(`,"roles":"admin"`)),
		"roles is null":           sign(hs256, goodClaims(`,"roles":null`)),
		"roles holds a number":    sign(hs256, goodClaims(`,"roles":["admin",1]`)),
		"roles holds null":        sign(hs256, goodClaims(`,"roles":["admin",null]`)),
	} {
		caller, err := authenticate(a, values...)
		p, ok := err.(*Problem)
		if !ok || p.Type != Unauthorized || caller.Known {
			t.Errorf("%s: %+v, %v", name, caller, err)
			continue
		}
		if p.challenge == nil || len(p.Detail) > 100 {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// sloppy changes bits of the last character that base64 does not need.
func sloppy(last byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, last)|1]
}

func TestCachedTokenExpires(t *testing.T) {
	keys, err := NewSecretKeys(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	now := testNow
	a, err := NewAuthenticator(AuthConfig{Keys: keys, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	token, err := Mint(testSecret, alice, 0, time.Minute, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		good  bool
	}{{0, true}, {59 * time.Second, true}, {time.Minute, false}, {time.Hour, false}} {
		now = testNow.Add(step.after)
		if _, err := authenticate(a, "Bearer "+token); (err == nil) != step.good {
			t.Errorf("after %s: %v", step.after, err)
		}
	}
}

func TestIssuerAndAudience(t *testing.T) {
	keys, err := NewSecretKeys(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewAuthenticator(AuthConfig{Keys: keys, Issuer: "us", Audience: "tidemark", Now: func() time.Time { return testNow }})
	if err != nil {
		t.Fatal(err)
	}
	for more, good := range map[string]bool{
		`,"iss":"us","aud":"tidemark"`:         true,
		`,"iss":"us","aud":["a","tidemark"]`:   true,
		`,"iss":"us","aud":"a"`:                false,
		`,"iss":"us","aud":[]`:                 false,
		`,"iss":"us"`:                          false,
		`,"aud":"tidemark"`:                    false,
		`,"iss":["us"],"aud":"tidemark"`:       false,
		`,"iss":"us","aud":["tidemark",null]`:  false,
		`,"iss":"us2","aud":["a","tidemark"]`:  false,
		`,"iss":"us","aud":{"tidemark":"yes"}`: false,
	} {
		if _, err := authenticate(a, "Bearer "+signHS256(testSecret, hs256, goodClaims(more))); (err == nil) != good {
			t.Errorf("%s: %v", more, err)
		}
	}
}

func TestMint(t *testing.T) {
	if _, err := Mint(testSecret, alice, 0, time.Second-1, testNow); err == nil {
		t.Error("minted a token without a lifetime")
	}
	if _, err := Mint(nil, alice, 0, time.Hour, testNow); err == nil {
		t.Error("minted without a secret")
	}
	var nobody events.UserID
	token, err := Mint(testSecret, nobody, Roles(RoleAdmin), time.Hour, testNow)
	if err != nil {
		t.Fatal(err)
	}
	if caller, err := authenticate(secretAuth(t), "Bearer "+token); err != nil || !caller.Known || !caller.Has(RoleAdmin) || caller.Has(RoleService) {
		t.Errorf("%+v, %v", caller, err)
	}
}

func TestUnauthorizedOverHTTP(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	for _, path := range []string{"/v1/echo", "/v1/secure"} { // public routes refuse a bad token too
		got := h.do("POST", path, `{}`, "Authorization", "Bearer canary")
		h.want(got, 401, Unauthorized)
		if got.Header.Get("WWW-Authenticate") != `Bearer realm="tidemark", error="invalid_token"` || strings.Contains(got.text, "canary") {
			t.Errorf("%v %s", got.Header, got.text)
		}
	}
	if got := h.do("POST", "/v1/secure", `{}`); got.Header.Get("WWW-Authenticate") != `Bearer realm="tidemark"` {
		t.Errorf("%v", got.Header)
	}
	h.want(h.do("POST", "/v1/secure?access_token="+mint(t), `{}`), 401, Unauthorized)
}
