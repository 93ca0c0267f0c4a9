package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tidemark-io/tidemark"

// listed is a package of ours as `go list` describes it.
type listed struct {
	ImportPath string
	Name       string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

// folder is the package's place in the repository, "" for the root.
func (p *listed) folder() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// packages lists the packages of the module. What their tests import is not
// bound by the rules: tests use real parts.
func packages(t *testing.T) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-e", "-json=ImportPath,Name,Dir,GoFiles,Imports,Deps", module+"/...")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var list []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		t.Fatal("go list names no packages")
	}
	return list
}

// inside reports whether a folder is one of the tops or lies in one.
func inside(folder string, tops ...string) bool {
	return slices.ContainsFunc(tops, func(top string) bool {
		return folder == top || strings.HasPrefix(folder, top+"/")
	})
}

// TestImportsPointOneWay: cmd, then command, query and archive, then api and projector,
// then events. Whole trees of dependencies are looked at, so that no detour helps.
func TestImportsPointOneWay(t *testing.T) {
	never := map[string][]string{
		"command":   {"query", "archive", "cmd"},
		"query":     {"command", "archive", "cmd"},
		"archive":   {"command", "query", "cmd"},
		"projector": {"api", "command", "query", "archive", "cmd"},
		"api":       {"projector", "command", "query", "archive", "cmd", "events/log"},
		"events":    {"api", "projector", "command", "query", "archive", "cmd"},
		"durable":   {"events", "api", "projector", "command", "query", "archive", "cmd"},
		"internal":  {"events", "api", "projector", "command", "query", "archive", "cmd"},
	}
	for _, p := range packages(t) {
		for top, banned := range never {
			if !inside(p.folder(), top) {
				continue
			}
			for _, dependency := range p.Deps {
				if folder, ours := strings.CutPrefix(dependency, module+"/"); ours && inside(folder, banned...) {
					t.Errorf("%s depends on %s", p.folder(), folder)
				}
			}
		}
	}
}

// TestTheVocabularyStandsAlone: events imports nothing of ours but strictjson,
// and strictjson nothing at all.
func TestTheVocabularyStandsAlone(t *testing.T) {
	for _, p := range packages(t) {
		allowed := map[string][]string{"events": {"events/strictjson"}, "events/strictjson": nil}
		own, bound := allowed[p.folder()]
		if !bound {
			continue
		}
		for _, dependency := range p.Deps {
			folder, ours := strings.CutPrefix(dependency, module+"/")
			if ours && !slices.Contains(own, folder) {
				t.Errorf("%s depends on %s", p.folder(), folder)
			}
		}
	}
}

// TestEveryLibraryHasOneDoor: who else needs NATS, Badger or Postgres asks the package
// that has it.
func TestEveryLibraryHasOneDoor(t *testing.T) {
	doors := map[string][]string{
		"github.com/nats-io/":         {"events/log"},
		"github.com/dgraph-io/":       {"projector/checkpoint"},
		"github.com/gin-gonic/":       {"api", "query", "command"},
		"github.com/jackc/":           {"archive"},
		"github.com/pressly/goose":    {"archive"},
		"github.com/getkin/":          {},
		"github.com/santhosh-tekuri/": {"api/openapitest"},
		"github.com/alecthomas/kong":  {"cmd"},
		"github.com/parquet-go/":      {"projector/replay"},
	}
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			for library, door := range doors {
				if strings.HasPrefix(imported, library) && !inside(p.folder(), door...) {
					t.Errorf("%s imports %s, whose door is %v", p.folder(), imported, door)
				}
			}
		}
	}
}

// TestTheBinaryHoldsNoTestSupport: what only tests need is not in the binary.
func TestTheBinaryHoldsNoTestSupport(t *testing.T) {
	for _, p := range packages(t) {
		if p.folder() != "cmd/tidemark" {
			continue
		}
		for _, dependency := range p.Deps {
			if dependency == "testing" || strings.HasSuffix(dependency, "/openapitest") || strings.HasSuffix(dependency, "/archivetest") || strings.HasSuffix(dependency, "/leaktest") || strings.HasSuffix(dependency, "/oracle") {
				t.Errorf("the binary holds %s", dependency)
			}
		}
	}
}

// TestPackagesAreNamedAfterWhatTheyAreFor: such names gather whatever comes.
func TestPackagesAreNamedAfterWhatTheyAreFor(t *testing.T) {
	vague := regexp.MustCompile(`^(utils?|common|helpers?|managers?|misc|shared|base|core)$`)
	for _, p := range packages(t) {
		for _, part := range append(strings.Split(p.folder(), "/"), p.Name) {
			if vague.MatchString(part) {
				t.Errorf("package %s: %s says nothing", p.folder(), part)
			}
		}
	}
}

// maxFileLines bounds a file: one subject does not need more.
const maxFileLines = 500

func TestFilesAreShort(t *testing.T) {
	root := moduleRoot(t)
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if lines := bytes.Count(source, []byte("\n")); lines > maxFileLines {
			t.Errorf("%s has %d lines, at most %d are well", strings.TrimPrefix(name, root), lines, maxFileLines)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}
