package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// buildProduct builds the product of a working copy as `make build` does.
func buildProduct(ctx context.Context, root, dir, name string) (string, error) {
	return build(ctx, root, "./cmd/tidemark", filepath.Join(dir, name))
}

// buildPeers builds the HTTP program of the floor and the peers. It belongs to
// this module, so this command runs in its directory.
func buildPeers(ctx context.Context, dir string) (string, error) {
	return build(ctx, ".", "./peers", filepath.Join(dir, "peers"))
}

func build(ctx context.Context, from, target, binary string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, target)
	cmd.Dir = from
	// Both are built alike.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s in %s: %w\n%s", target, from, err, said)
	}
	return binary, nil
}
