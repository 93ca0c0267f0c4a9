package blackbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// newID returns a UUID that nothing has used before.
func newID() string { return uuid.NewString() }

func newIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = newID()
	}
	return ids
}

// claims returns those of a good token for an hour.
func claims(sub string, roles ...string) obj {
	c := obj{"sub": sub, "exp": time.Now().Add(time.Hour).Unix()}
	if len(roles) > 0 {
		c["roles"] = roles
	}
	return c
}

// mint signs a token as the contract describes it, without the service's help.
func mint(sub string, roles ...string) string {
	return sign(obj{"alg": "HS256", "typ": "JWT"}, claims(sub, roles...), secret)
}

// sign makes an HMAC-SHA-256 token whatever its header says.
func sign(header, payload any, key string) string {
	return signText(mustJSON(header), mustJSON(payload), key)
}

func signText(header, payload, key string) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode([]byte(payload))
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
