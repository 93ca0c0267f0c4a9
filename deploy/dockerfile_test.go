package deploy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instruction is one instruction of a Dockerfile, with its lines joined.
type instruction struct{ name, rest string }

var knownInstructions = []string{
	"FROM", "WORKDIR", "COPY", "RUN", "ARG", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD", "ENV",
}

func readDockerfile(t *testing.T) (list []instruction) {
	t.Helper()
	source, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`\\\n\s*`).ReplaceAllString(string(source), " ")
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		if !slices.Contains(knownInstructions, name) {
			t.Fatalf("%s is no instruction that this test knows", name)
		}
		list = append(list, instruction{name, strings.TrimSpace(rest)})
	}
	return list
}

func find(list []instruction, name string) string {
	for _, i := range list {
		if i.name == name {
			return i.rest
		}
	}
	return ""
}

func TestImageIsSmallAndNotRoot(t *testing.T) {
	list := readDockerfile(t)
	var stages []string
	last := 0
	for i, in := range list {
		if in.name == "FROM" {
			stages, last = append(stages, in.rest), i
		}
	}
	if len(stages) != 2 || !strings.HasSuffix(stages[0], " AS build") || stages[1] != "scratch" {
		t.Fatalf("stages %q, want a build and scratch", stages)
	}
	if image, _, _ := strings.Cut(stages[0], " "); !pinned.MatchString(image) {
		t.Errorf("image %q has no full version", image)
	}
	build := ""
	for _, in := range list[:last] {
		build += in.rest + "\n"
	}
	for _, want := range []string{"CGO_ENABLED=0 go build", "-trimpath", "./cmd/tidemark"} {
		if !strings.Contains(build, want) {
			t.Errorf("the build is without %s", want)
		}
	}
	final := list[last:]
	for name, want := range map[string]string{"USER": "65532:65532", "VOLUME": "/data", "RUN": ""} {
		if got := find(final, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !slices.ContainsFunc(final, func(in instruction) bool {
		return in.name == "COPY" && strings.Contains(in.rest, "ca-certificates.crt")
	}) {
		t.Error("the image has no certificates, so that no TLS peer can be trusted")
	}
}

// TestImageRunsTheService: scratch has no shell, so both are lists of words.
func TestImageRunsTheService(t *testing.T) {
	list := readDockerfile(t)
	var entry, health []string
	if err := json.Unmarshal([]byte(find(list, "ENTRYPOINT")), &entry); err != nil {
		t.Fatalf("ENTRYPOINT: %v", err)
	}
	_, command, _ := strings.Cut(find(list, "HEALTHCHECK"), "CMD ")
	if err := json.Unmarshal([]byte(command), &health); err != nil {
		t.Fatalf("HEALTHCHECK: %v", err)
	}
	var arguments []string
	if err := json.Unmarshal([]byte(find(list, "CMD")), &arguments); err != nil {
		t.Fatalf("CMD: %v", err)
	}
	if want := "/tidemark serve"; strings.Join(append(entry, arguments...), " ") != want {
		t.Errorf("ENTRYPOINT and CMD are %q %q, want %q", entry, arguments, want)
	}
	if want := "TIDEMARK_DATA_DIR=/data TIDEMARK_LISTEN=0.0.0.0:8080 TIDEMARK_OPS_LISTEN=0.0.0.0:9090"; find(list, "ENV") != want {
		t.Errorf("ENV is %q, want %q", find(list, "ENV"), want)
	}
	if want := "/tidemark healthcheck --url http://127.0.0.1:9090/healthz"; strings.Join(health, " ") != want {
		t.Errorf("HEALTHCHECK is %q, want %q", health, want)
	}
	if got := find(list, "EXPOSE"); got != "8080 9090" {
		t.Errorf("EXPOSE is %q", got)
	}
}

// TestImageBuildsFromTheToolchainOfTheModule: an older toolchain would fetch
// the right one during the build, or fail without a network.
func TestImageBuildsFromTheToolchainOfTheModule(t *testing.T) {
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	if version == nil || !strings.HasPrefix(find(readDockerfile(t), "FROM"), "golang:"+string(version[1])+".") {
		t.Errorf("go.mod says go %s, the image builds with %s", version, find(readDockerfile(t), "FROM"))
	}
}
