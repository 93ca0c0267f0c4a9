package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestFlagsAreTheContracts: what operators and their scripts rely on. A change of
// a name or a default here is a breaking change.
func TestFlagsAreTheContracts(t *testing.T) {
	parser, err := newParser(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for command, flags := range map[string]map[string]string{
		"serve": {
			"data-dir": "./tidemark-data", "listen": "127.0.0.1:8080", "ops-listen": "", "roles": "",
			"nats-url": "", "jwt-secret": "", "jwks-file": "", "anonymous-views": "", "cors-origin": "",
			"max-batch": "1000", "wait-limit": "2s", "min-free-disk": "256MiB", "dedupe-horizon": "168h",
		},
		"token": {"sub": "", "role": "", "ttl": "1h", "data-dir": "./tidemark-data", "jwt-secret": ""},
	} {
		node := commandNamed(t, parser, command)
		for name, value := range flags {
			flag := flagNamed(node, name)
			if flag == nil {
				t.Errorf("%s has no --%s", command, name)
				continue
			}
			if flag.Default != value {
				t.Errorf("%s --%s is %q unless given, want %q", command, name, flag.Default, value)
			}
		}
	}
	for _, command := range []string{"load", "version", "replay"} {
		commandNamed(t, parser, command)
	}
}

// TestEveryFlagIsAnEnvironmentVariable: --kebab-case is TIDEMARK_KEBAB_CASE, in
// every command.
func TestEveryFlagIsAnEnvironmentVariable(t *testing.T) {
	parser, err := newParser(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	var walk func(node *kong.Node)
	walk = func(node *kong.Node) {
		for _, flag := range node.Flags {
			if flag.Name == "help" {
				continue
			}
			seen++
			want := "TIDEMARK_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
			if len(flag.Envs) != 1 || flag.Envs[0] != want {
				t.Errorf("%s --%s is %v, want %s", node.FullPath(), flag.Name, flag.Envs, want)
			}
			if flag.Name != strings.ToLower(flag.Name) || strings.ContainsAny(flag.Name, "_. ") {
				t.Errorf("%s --%s is not written in kebab-case", node.FullPath(), flag.Name)
			}
		}
		for _, child := range node.Children {
			walk(child)
		}
	}
	walk(parser.Model.Node)
	if seen < 50 {
		t.Errorf("%d flags were looked at", seen)
	}
}

func commandNamed(t *testing.T, parser *kong.Kong, name string) *kong.Node {
	t.Helper()
	for _, child := range parser.Model.Children {
		if child.Name == name {
			return child
		}
	}
	t.Fatalf("there is no command %s", name)
	return nil
}

func flagNamed(node *kong.Node, name string) *kong.Flag {
	for _, flag := range node.Flags {
		if flag.Name == name {
			return flag
		}
	}
	return nil
}
