package api

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
		"no key set":         func() { write(`{"error":"not found"}`) },
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
	for name, text := range map[string]string{"no keys": set(), "no usable key": set(newKey[:1] + `"use":"enc",` + newKey[1:])} {
		write(text)
		file.look()
		file.look()
		if good(name); !file.Fault() {
			t.Errorf("%s: no fault", name)
		}
		write(set(newKey))
		file.look()
		if good("keys again", "new"); file.Fault() {
			t.Errorf("after %s: the fault stays", name)
		}
	}
}

// TestKeysOfAPipeAreReadOnce: nobody may write to it a second time, and who read
// it again would wait for ever.
func TestKeysOfAPipeAreReadOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	signers := newSigners(t)
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte(`{"keys":[`+signers.edJWK(`,"kid":"a"`)+`]}`), 0) }()
	file, err := NewKeyFile(path, discard)
	if err := errors.Join(err, <-written); err != nil {
		t.Fatal(err)
	}
	if file.regular {
		t.Error("the pipe would be read again")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := file.Run(ctx); err != nil {
		t.Error(err)
	}
	if _, err := authenticate(authOf(t, file), "Bearer "+signWith(t, jwt.SigningMethodEdDSA, signers.ed25519, "a")); err != nil {
		t.Error(err)
	}
}
