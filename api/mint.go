package api

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidemark-io/tidemark/events"
)

// Mint returns an HS256 token for sub that is good from now until ttl has
// passed. It fails for a ttl under a second and for a secret that
// NewSecretKeys would refuse.
func Mint(secret []byte, sub events.UserID, roles Roles, ttl time.Duration, now time.Time) (string, error) {
	if ttl < time.Second {
		return "", fmt.Errorf("mint token: its lifetime is %s, at least 1s is needed", ttl)
	}
	if _, err := NewSecretKeys(secret); err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	claims := jwt.MapClaims{
		"sub": sub.String(),
		"iat": now.Unix(),
		"exp": now.Add(ttl).Unix(),
	}
	if roles != 0 {
		claims["roles"] = roles.Names()
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(secret)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return token, nil
}
