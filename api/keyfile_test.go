package api

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// TestKeysOfAFileRotate: a new key is good beside the old one, and the old one
// is not any more once it has left the file, whatever tokens of it are cached.
func TestKeysOfAFileRotate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	old, fresh := newSigners(t), newSigners(t)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set := func(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }
	oldKey, newKey := old.edJWK(`,"kid":"old"`), fresh.edJWK(`,"kid":"new"`)
	write(set(oldKey))
	file, err := NewKeyFile(path, discard)
	if err != nil {
		t.Fatal(err)
	}
	a := authOf(t, file)
	tokens := map[string]string{
		"old": signWith(t, jwt.SigningMethodEdDSA, old.ed25519, "old"),
		"new": signWith(t, jwt.SigningMethodEdDSA, fresh.ed25519, "new"),
	}
	good := func(when string, names ...string) {
		t.Helper()
		for name, token := range tokens {
			for range 2 { // the second is answered from the cache
				_, err := authenticate(a, "Bearer "+token)
				if want := strings.Contains(strings.Join(names, " "), name); (err == nil) != want {
					t.Errorf("%s: the token of the %s key: %v, want it good: %v", when, name, err, want)
				}
			}
		}
	}
	good("at first", "old")
	write(set(oldKey, newKey))
	good("not looked at yet", "old")
	file.look()
	good("both keys", "old", "new")
	for name, spoil := range map[string]func(){
		"half a file":        func() { write(set(oldKey)[:20]) },
		"an empty file":      func() { write("") },
		"no keys":            func() { write(set()) },
		"a private key":      func() { write(set(newKey, old.edJWK(`,"kid":"x","d":"AAAA"`))) },
		"no file":            func() { _ = os.Remove(path) },
		"a directory for it": func() { _ = os.Remove(path); _ = os.Mkdir(path, 0o700) },
	} {
		spoil()
		file.look()
		file.look()
		if good(name, "old", "new"); !file.Fault() {
			t.Errorf("%s: no fault", name)
		}
		_ = os.Remove(path)
		write(set(oldKey, newKey))
		if file.look(); file.Fault() {
			t.Errorf("after %s: the fault stays", name)
		}
	}
	write(set(newKey))
	file.look()
	good("the old key is gone", "new")
}
