package api

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/tidemark-io/tidemark/events/strictjson"
)

const (
	// maxJWKSBytes bounds a key set; real ones hold a handful of keys.
	maxJWKSBytes = 1 << 20
	// minRSABits follows RFC 7518, section 3.3.
	minRSABits = 2048
	// maxRSABits bounds what one signature check may cost.
	maxRSABits = 8192
)

// jwk is a JSON Web Key (RFC 7517), as far as public signing keys go.
type jwk struct {
	KeyType    string   `json:"kty"`
	ID         string   `json:"kid"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	Curve      string   `json:"crv"`
	Modulus    string   `json:"n"`
	Exponent   string   `json:"e"`
	X          string   `json:"x"`
	Y          string   `json:"y"`
	// Private is looked at only to refuse a file that holds private keys.
	Private string `json:"d"`
}

// errNoKeys: a key set is well-formed, and there is no key in it for tokens.
var errNoKeys = errors.New("key set holds no key for RS256, ES256 or EdDSA")

// errForeignKey marks keys that a set may well hold but that sign no tokens here.
var errForeignKey = errors.New("key is for another purpose")

// parseJWKS reads a JSON Web Key Set. RSA keys verify RS256, keys on P-256
// ES256, keys on Ed25519 EdDSA. Keys for encryption and of kinds that tidemark
// does not know are passed over, as RFC 7517 asks; private and symmetric keys
// and broken ones are errors. A set without a usable key is errNoKeys, and is
// returned beside it.
func parseJWKS(data []byte) (*keySet, error) {
	if len(data) > maxJWKSBytes {
		return nil, fmt.Errorf("key set has %d bytes, at most %d are read", len(data), maxJWKSBytes)
	}
	if err := strictjson.Check(data); err != nil {
		return nil, fmt.Errorf("parse key set: %w", err)
	}
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("parse key set: %w", err)
	}
	if set.Keys == nil {
		return nil, errors.New("parse key set: it has no member keys")
	}
	var s keySet
	seen := map[string]bool{}
	for i, k := range set.Keys {
		key, err := k.key()
		if errors.Is(err, errForeignKey) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("key %d (kid %s): %w", i, Quote(k.ID), err)
		}
		if seen[k.ID] {
			return nil, fmt.Errorf("key %d: kid %s stands twice; tokens could not tell them apart", i, Quote(k.ID))
		}
		seen[k.ID] = true
		s.keys = append(s.keys, namedKey{id: k.ID, key: key})
	}
	if len(s.keys) == 0 {
		return &s, errNoKeys
	}
	return &s, nil
}

func (k *jwk) key() (Key, error) {
	if k.KeyType == "oct" {
		return Key{}, errors.New("is a symmetric key; give it as the JWT secret instead")
	}
	if k.Private != "" {
		return Key{}, errors.New("is a private key; give the public half only")
	}
	if k.Use != "" && k.Use != "sig" || !k.verifies() {
		return Key{}, errForeignKey
	}
	switch {
	case k.KeyType == "RSA" && (k.Algorithm == "" || k.Algorithm == "RS256"):
		public, err := k.rsa()
		return Key{"RS256", public}, err
	case k.KeyType == "EC" && k.Curve == "P-256" && (k.Algorithm == "" || k.Algorithm == "ES256"):
		public, err := k.ecdsa()
		return Key{"ES256", public}, err
	case k.KeyType == "OKP" && k.Curve == "Ed25519" && (k.Algorithm == "" || k.Algorithm == "EdDSA" || k.Algorithm == "Ed25519"):
		public, err := decodeNumber("x", k.X, ed25519.PublicKeySize)
		return Key{"EdDSA", ed25519.PublicKey(public)}, err
	}
	return Key{}, errForeignKey
}

func (k *jwk) verifies() bool {
	for _, operation := range k.Operations {
		if operation == "verify" {
			return true
		}
	}
	return k.Operations == nil
}

func (k *jwk) rsa() (*rsa.PublicKey, error) {
	n, err := decodeNumber("n", k.Modulus, 0)
	if err != nil {
		return nil, err
	}
	e, err := decodeNumber("e", k.Exponent, 0)
	if err != nil {
		return nil, err
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if bits := modulus.BitLen(); bits < minRSABits || bits > maxRSABits {
		return nil, fmt.Errorf("RSA modulus has %d bits, must have %d to %d", bits, minRSABits, maxRSABits)
	}
	if exponent.BitLen() > 31 || exponent.Int64() < 3 || exponent.Bit(0) == 0 {
		return nil, errors.New("RSA exponent must be odd, at least 3 and less than 2^31")
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

func (k *jwk) ecdsa() (*ecdsa.PublicKey, error) {
	const size = 32
	x, err := decodeNumber("x", k.X, size)
	if err != nil {
		return nil, err
	}
	y, err := decodeNumber("y", k.Y, size)
	if err != nil {
		return nil, err
	}
	point := append(append([]byte{4}, x...), y...) // SEC 1, uncompressed
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, fmt.Errorf("parse EC point: %w", err)
	}
	return public, nil
}

// decodeNumber decodes a base64url member; size 0 takes any length but none.
func decodeNumber(name, text string, size int) ([]byte, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("member %s is not base64url", name)
	}
	if len(data) == 0 || size > 0 && len(data) != size {
		return nil, fmt.Errorf("member %s has %d bytes", name, len(data))
	}
	return data, nil
}
