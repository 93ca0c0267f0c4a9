package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tidemark-io/tidemark/durable"
)

// secretFile is where a data directory keeps the secret that signs tokens.
const secretFile = "jwt-secret"

// dataSecret returns the secret of a data directory and makes one, of 256
// random bits, where there is none: whoever comes first, serve or token. It
// calls made then, with the file.
func dataSecret(dataDir string, made func(path string)) ([]byte, error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("create the data directory: %w", err)
	}
	path := filepath.Join(dataDir, secretFile)
	secret, err := os.ReadFile(path)
	if err == nil {
		if secret = bytes.TrimSpace(secret); len(secret) == 0 {
			return nil, fmt.Errorf("%s is empty: write a secret into it, or remove it to have a new one made", path)
		}
		return secret, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	if err := writeSecret(path); err != nil {
		return nil, fmt.Errorf("write a new secret: %w", err)
	}
	made(path)
	return dataSecret(dataDir, made)
}

// serviceSecret is the secret of a service's tokens. It never makes one: a
// secret that the service does not have opens nothing.
func serviceSecret(dataDir, given string) ([]byte, error) {
	if given != "" {
		return []byte(given), nil
	}
	if _, err := os.Stat(filepath.Join(dataDir, secretFile)); err != nil {
		return nil, fmt.Errorf("there is no secret in %s: give --token, --jwt-secret or the service's own --data-dir", dataDir)
	}
	return dataSecret(dataDir, func(string) {}) // there is one
}

// writeSecret creates the file whole or not at all; of two at the same time
// the first wins.
func writeSecret(path string) error {
	var random [32]byte
	_, _ = rand.Read(random[:])                                     // never fails
	temp, err := os.CreateTemp(filepath.Dir(path), secretFile+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.WriteString(hex.EncodeToString(random[:]) + "\n")
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.Sync(filepath.Dir(path))
}
