package main

import (
	"log/slog"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark-io/tidemark/api/openapitest"
	"github.com/tidemark-io/tidemark/archive/intake"
)

// The documents and what is deployed name flags, variables, metrics, endpoints
// and files. These tests hold them to what there is.

const repository = "../.."

// document is a file that people read, or that a neighbour is configured by.
type document struct{ name, text string }

func documents(t *testing.T, patterns ...string) (list []document) {
	t.Helper()
	for _, pattern := range patterns {
		names, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(names), err)
		}
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && info.IsDir() {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			name, _ = filepath.Rel(repository, name)
			list = append(list, document{name, string(text)})
		}
	}
	return list
}

// blocks are the parts of a Markdown text between fences, those of code or the others.
func (d document) blocks(code bool) string {
	var text strings.Builder
	for i, block := range strings.Split("\n"+d.text, "\n```") {
		if (i%2 == 1) == code {
			text.WriteString("\n" + block)
		}
	}
	return text.String()
}

// elsewhere are flags of other programs, and what the documents name as absent.
var elsewhere = []string{"jwks-url", "scrub"}

func TestDocumentsNameOnlyFlagsThatAreThere(t *testing.T) {
	parser, err := newParser(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	known, variables := map[string]bool{}, map[string]bool{}
	for _, flag := range flagsOf(parser.Model.Node) {
		known[flag.Name] = true
		for _, name := range flag.Envs {
			variables[name] = true
		}
	}
	for _, name := range elsewhere {
		known[name] = true
	}
	flags, names := regexp.MustCompile(`--([a-z][a-z-]*[a-z])`), regexp.MustCompile(`\bTIDEMARK_[A-Z_]+[A-Z]`)
	for _, d := range documents(t, "README.md", "docs/*.md", "docker-compose.yml", "deploy/*") {
		for _, name := range names.FindAllString(d.text, -1) {
			if !variables[name] {
				t.Errorf("%s names the variable %s, which no flag has", d.name, name)
			}
		}
		if path.Ext(d.name) != ".md" || d.name == "docs/benchmarks.md" { // their flags are other programs'
			continue
		}
		for _, match := range flags.FindAllStringSubmatch(d.text, -1) {
			if !known[match[1]] {
				t.Errorf("%s names the flag --%s, which is none", d.name, match[1])
			}
		}
	}
}

// ourCommand is a call of tidemark in a block of code, as far as one line of a shell has it.
var ourCommand = regexp.MustCompile(`(?m)(?:^|[ (=])(?:go run \./cmd/tidemark|tidemark|/tidemark) ((?:serve|token|replay|load|import|ingest|version|healthcheck)\b[^\n#&)]*)`)

// TestCommandsOfTheDocumentsParse: each as it is printed, from the command's name to the last flag.
func TestCommandsOfTheDocumentsParse(t *testing.T) {
	list := documents(t, "README.md", "docs/*.md", "docker-compose.yml")
	t.Chdir(t.TempDir())
	for _, name := range []string{"shortvideo.yaml", "ring.txt", "spam.txt", "nostr-trace.ndjson"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("exported", 0o700); err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, d := range list {
		text := d.text
		if path.Ext(d.name) == ".md" {
			text = d.blocks(true)
		}
		for _, match := range ourCommand.FindAllStringSubmatch(strings.ReplaceAll(text, "\\\n", " "), -1) {
			commands++
			line := strings.ReplaceAll(match[1], "cmd/tidemark/load/testdata/", "")
			parser, err := newParser(t.Context()) // it keeps what it read
			if err != nil {
				t.Fatal(err)
			}
			parser.Exit = func(int) {} // --help ends no test
			if _, err := parser.Parse(words(strings.ReplaceAll(line, "…", ""))); err != nil {
				t.Errorf("%s: tidemark %s: %v", d.name, match[1], err)
			}
		}
	}
	if commands < 30 {
		t.Errorf("%d commands were found", commands)
	}
}

// words splits a line as a shell does, as far as the documents go: by blanks, but for what is quoted.
func words(line string) (list []string) {
	for _, word := range regexp.MustCompile(`(?:[^ "']+|"[^"]*"|'[^']*')+`).FindAllString(line, -1) {
		list = append(list, strings.NewReplacer(`"`, "", `'`, "").Replace(word))
	}
	return list
}

// metricNames are those of a service with all of its parts, and of a capture.
func metricNames(t *testing.T) []string {
	t.Helper()
	cfg := &serveCmd{
		DataDir: t.TempDir(), Listen: "127.0.0.1:0", Roles: []string{roleCommand, roleQuery, roleArchive},
		MaxBatch: 10, WaitLimit: time.Second, CommitLimit: time.Second,
		DedupeHorizon: 168 * time.Hour, CheckpointInterval: time.Minute, CheckpointBytes: 1 << 20,
		SnapshotInterval: time.Hour, SnapshotsKept: 1, LogKeep: time.Hour,
		Postgres: postgresFlags{URL: "postgres://nobody@127.0.0.1:1/none", Schema: "tidemark"}, // nothing asks it
	}
	a, err := newApp(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	if err := a.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	var names []string
	fullName := regexp.MustCompile(`fqName: "(tidemark_[a-z_]+)"`)
	for _, registry := range []*prometheus.Registry{a.registry, ingestMetrics(&intake.Stats{})} {
		described := make(chan *prometheus.Desc)
		go func() {
			registry.Describe(described)
			close(described)
		}()
		for d := range described {
			if match := fullName.FindStringSubmatch(d.String()); match != nil {
				names = append(names, match[1])
			}
		}
	}
	return names
}

func TestDocumentsNameTheMetricsThatAreThere(t *testing.T) {
	there := metricNames(t)
	named := map[string]bool{}
	metric, series := regexp.MustCompile(`\btidemark_[a-z_]+[a-z]`), regexp.MustCompile(`_(bucket|count|sum)$`)
	for _, d := range documents(t, "README.md", "docs/*.md", "deploy/*") {
		for _, name := range metric.FindAllString(d.text, -1) {
			plain := name
			if !slices.Contains(there, name) {
				plain = series.ReplaceAllString(name, "") // of a histogram
			}
			if !slices.Contains(there, plain) {
				t.Errorf("%s names the metric %s, which is none", d.name, name)
			}
			named[plain] = true
		}
	}
	for _, name := range there {
		if !named[name] {
			t.Errorf("no document says what %s is for", name)
		}
	}
}

func TestDocumentsNameOnlyEndpointsThatAreThere(t *testing.T) {
	api, err := openapitest.New()
	if err != nil {
		t.Fatal(err)
	}
	there := func(method, path string) bool {
		for _, route := range api.Routes() {
			if route.Method == method && sameRoute(route.Path, path) {
				return true
			}
		}
		return false
	}
	endpoint := regexp.MustCompile(`\b(GET|POST|PUT|PATCH|DELETE) +(?:\$API)?(/[\w/{}$.…-]*\w\}?)`)
	for _, d := range documents(t, "README.md", "docs/*.md") {
		for _, match := range endpoint.FindAllStringSubmatch(d.text, -1) {
			if !there(match[1], match[2]) {
				t.Errorf("%s names %s %s, which is no endpoint", d.name, match[1], match[2])
			}
		}
	}
}

// sameRoute compares a route's path with one of a document: what stands for an
// ID there is {id}, a shell's variable or three dots.
func sameRoute(route, named string) bool {
	a, b := strings.Split(route, "/"), strings.Split(named, "/")
	return slices.EqualFunc(a, b, func(a, b string) bool {
		return a == b || strings.HasPrefix(a, ":") && strings.ContainsAny(b, "{$…")
	})
}

// TestLinksOfTheDocumentsLeadSomewhere: to a file, and to a heading of it.
func TestLinksOfTheDocumentsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	list := documents(t, "README.md", "docs/*.md", "cmd/tidemark/load/testdata/README.md")
	headings := map[string][]string{}
	for _, d := range list {
		headings[d.name] = d.headings()
	}
	for _, d := range list {
		for _, match := range link.FindAllStringSubmatch(d.blocks(false), -1) {
			to, err := url.Parse(match[1])
			if err != nil {
				t.Errorf("%s: %v", d.name, err)
			}
			if err != nil || to.Host != "" {
				continue
			}
			target := d.name
			if to.Path != "" {
				target = path.Join(path.Dir(d.name), to.Path)
			}
			if _, err := os.Stat(filepath.Join(repository, target)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", d.name, match[1])
			} else if to.Fragment != "" && !slices.Contains(headings[target], to.Fragment) {
				t.Errorf("%s: the link %s leads to no heading", d.name, match[1])
			}
		}
	}
}

// headings are the anchors that a Markdown text has, as GitHub makes them.
func (d document) headings() (anchors []string) {
	dropped := regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	for _, match := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(d.blocks(false), -1) {
		anchor := strings.ToLower(dropped.ReplaceAllString(match[1], ""))
		anchors = append(anchors, strings.ReplaceAll(anchor, " ", "-"))
	}
	return anchors
}
