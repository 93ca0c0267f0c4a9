package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
)

// claims is what a verified token says. The times are kept because a token
// that was good a moment ago need not be good now.
type claims struct {
	caller    Caller
	expires   time.Time
	notBefore time.Time // zero for none
}

func (c *claims) check(now time.Time) error {
	if !now.Before(c.expires) {
		return errTokenExpired
	}
	if now.Add(notBeforeLeeway).Before(c.notBefore) {
		return errTokenNotBefore
	}
	return nil
}

// object is a JSON object with its members' names as they are written:
// unlike a struct's fields, a map's keys match in one case only.
type object map[string]json.RawMessage

// verify checks the token's form, signature and claims, except for its times.
// The error is one of the errToken values or wraps ErrKeysUnavailable.
func (a *Authenticator) verify(ctx context.Context, token string) (claims, error) {
	signed, signature, header, payload, ok := splitToken(token)
	if !ok {
		return claims{}, errTokenInvalid
	}
	key, err := a.keyFor(ctx, header)
	if err != nil {
		return claims{}, err
	}
	method := jwt.GetSigningMethod(key.Algorithm)
	if method == nil || method.Verify(signed, signature, key.Verify) != nil {
		return claims{}, errTokenInvalid
	}
	return a.readClaims(payload)
}

// splitToken decodes the three segments of a compact JWS (RFC 7515).
func splitToken(token string) (signed string, signature []byte, header, payload object, ok bool) {
	head, rest, ok1 := strings.Cut(token, ".")
	body, sum, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || strings.Contains(sum, ".") {
		return "", nil, nil, nil, false
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(sum)
	if err != nil {
		return "", nil, nil, nil, false
	}
	if header, ok = decodeSegment(head); !ok {
		return "", nil, nil, nil, false
	}
	if payload, ok = decodeSegment(body); !ok {
		return "", nil, nil, nil, false
	}
	return token[:len(head)+1+len(body)], signature, header, payload, true
}

// decodeSegment refuses what two readers could understand differently:
// duplicate members, trailing data, sloppy base64.
func decodeSegment(segment string) (object, bool) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	if err != nil || strictjson.Check(data) != nil {
		return nil, false
	}
	var o object
	if json.Unmarshal(data, &o) != nil || o == nil {
		return nil, false
	}
	return o, true
}

// keyFor finds the key by the header's kid and nothing else: jku, jwk, x5u and
// x5c, by which a token would choose its own key, are not looked at.
func (a *Authenticator) keyFor(ctx context.Context, header object) (Key, error) {
	if _, ok := header["crit"]; ok { // extensions that must be understood; we know none
		return Key{}, errTokenInvalid
	}
	algorithm, ok := header.text("alg")
	if !ok {
		return Key{}, errTokenInvalid
	}
	id := ""
	_, named := header["kid"]
	if named {
		if id, ok = header.text("kid"); !ok {
			return Key{}, errTokenInvalid
		}
	}
	key, err := a.cfg.Keys.Key(ctx, id, named)
	if errors.Is(err, ErrKeysUnavailable) {
		return Key{}, err
	}
	if err != nil || key.Algorithm != algorithm {
		return Key{}, errTokenInvalid
	}
	return key, nil
}

func (a *Authenticator) readClaims(payload object) (claims, error) {
	var c claims
	sub, ok := payload.text("sub")
	if !ok {
		return claims{}, errTokenInvalid
	}
	var id events.UserID
	if !events.ParseUUID((*[16]byte)(&id), sub) {
		return claims{}, errTokenInvalid
	}
	c.caller = Caller{ID: id, Known: true}
	if c.expires, ok = payload.date("exp"); !ok {
		return claims{}, errTokenInvalid
	}
	if _, there := payload["nbf"]; there {
		if c.notBefore, ok = payload.date("nbf"); !ok {
			return claims{}, errTokenInvalid
		}
	}
	if c.caller.Roles, ok = payload.roles(); !ok {
		return claims{}, errTokenInvalid
	}
	if issuer, ok := payload.text("iss"); a.cfg.Issuer != "" && (!ok || issuer != a.cfg.Issuer) {
		return claims{}, errTokenInvalid
	}
	if a.cfg.Audience != "" && !payload.audience(a.cfg.Audience) {
		return claims{}, errTokenInvalid
	}
	return c, nil
}

// text returns a member that is a string.
func (o object) text(name string) (string, bool) {
	raw := o[name]
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// texts returns a member that is an array of strings.
func (o object) texts(name string) ([]string, bool) {
	raw := o[name]
	if len(raw) == 0 || raw[0] != '[' {
		return nil, false
	}
	var entries []*string
	if json.Unmarshal(raw, &entries) != nil {
		return nil, false
	}
	list := make([]string, len(entries))
	for i, entry := range entries {
		if entry == nil {
			return nil, false
		}
		list[i] = *entry
	}
	return list, true
}

// date returns a member that is a NumericDate (RFC 7519, section 2): seconds,
// perhaps with a fraction. Dates past the year 9999 count as that year's end.
func (o object) date(name string) (time.Time, bool) {
	const last = 253402300799 // 9999-12-31T23:59:59Z
	raw := bytes.TrimSpace(o[name])
	if len(raw) == 0 || raw[0] == '"' || raw[0] == 'n' {
		return time.Time{}, false
	}
	var seconds float64
	if json.Unmarshal(raw, &seconds) != nil || seconds < 0 {
		return time.Time{}, false
	}
	whole, part := math.Modf(math.Min(seconds, last))
	return time.Unix(int64(whole), int64(part*float64(time.Second))), true
}

func (o object) roles() (Roles, bool) {
	var set Roles
	if _, there := o["roles"]; !there {
		return 0, true
	}
	names, ok := o.texts("roles")
	for _, name := range names {
		if role, known := ParseRole(name); known {
			set = set.With(role)
		}
	}
	return set, ok
}

// audience reports whether the claim aud is want or a list that holds it.
func (o object) audience(want string) bool {
	if one, ok := o.text("aud"); ok {
		return one == want
	}
	list, _ := o.texts("aud")
	for _, entry := range list {
		if entry == want {
			return true
		}
	}
	return false
}
