// Package deploy holds what runs tidemark elsewhere: image, Compose file and
// the configuration of its neighbours. There is no code here, only tests that
// the files hold together; they need no container engine.
package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// root is the repository's root, the context of the image's build.
const root = ".."

type composeFile struct {
	Name     string
	Services map[string]service
	Networks map[string]struct {
		Internal bool
	}
	Volumes map[string]any
}

type service struct {
	Build struct {
		Context, Dockerfile string
	}
	Image       string
	User        string
	Privileged  bool
	NetworkMode string `yaml:"network_mode"`
	Environment map[string]string
	Ports       []string
	Volumes     []string
	Networks    []string
	Profiles    []string
	CapDrop     []string `yaml:"cap_drop"`
	CapAdd      []string `yaml:"cap_add"`
	SecurityOpt []string `yaml:"security_opt"`
	DependsOn   map[string]struct {
		Condition string
	} `yaml:"depends_on"`
	Healthcheck struct {
		Test []string
	}
	Command    []string
	Entrypoint []string
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file composeFile
	if err := yaml.Unmarshal(source, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

// pinned: a tag with a full version, so that two builds of a day are the same.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:v?[0-9]+\.[0-9]+(\.[0-9]+)?(-[a-z0-9.]+)?$`)

func TestComposeServicesAreConfined(t *testing.T) {
	file := readCompose(t)
	for _, name := range []string{"tidemark", "nats", "postgres", "prometheus"} {
		if _, ok := file.Services[name]; !ok {
			t.Errorf("there is no service %s", name)
		}
	}
	for name, s := range file.Services {
		switch {
		case s.Build.Context == "" && !pinned.MatchString(s.Image):
			t.Errorf("%s: image %q has no full version", name, s.Image)
		case s.Privileged || s.NetworkMode == "host":
			t.Errorf("%s has the host's rights", name)
		case !slices.Contains(s.CapDrop, "ALL"):
			t.Errorf("%s keeps capabilities: drop ALL", name)
		case len(s.CapAdd) > 0 && s.NetworkMode != "none":
			t.Errorf("%s has capabilities %v and a network", name, s.CapAdd)
		case len(s.CapAdd) == 0 && s.Build.Context == "" && (s.User == "" || s.User == "root" || strings.HasPrefix(s.User, "0")):
			t.Errorf("%s runs as root: set user", name)
		case len(s.CapAdd) == 0 && !slices.Contains(s.SecurityOpt, "no-new-privileges:true"):
			t.Errorf("%s may gain privileges: set no-new-privileges", name)
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the world", name, port)
			}
		}
	}
	if !file.Networks["log"].Internal {
		t.Error("the network log is not internal: JetStream and Postgres are nobody else's")
	}
}

func TestComposeFilesAndVolumesAreThere(t *testing.T) {
	file := readCompose(t)
	for name, s := range file.Services {
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if strings.HasPrefix(source, "./") {
				if _, err := os.Stat(filepath.Join(root, source)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			} else if _, ok := file.Volumes[source]; !ok {
				t.Errorf("%s: volume %s is not declared", name, source)
			}
		}
		for _, network := range s.Networks {
			if _, ok := file.Networks[network]; !ok {
				t.Errorf("%s: network %s is not declared", name, network)
			}
		}
		if s.Build.Dockerfile != "" {
			if _, err := os.Stat(filepath.Join(root, s.Build.Context, s.Build.Dockerfile)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for other, dependency := range s.DependsOn {
			target, ok := file.Services[other]
			healthy := dependency.Condition == "service_healthy"
			if !ok || healthy && target.Build.Context == "" && len(target.Healthcheck.Test) == 0 {
				t.Errorf("%s waits for %s, which never becomes healthy", name, other)
			}
		}
	}
}

// TestComposeHoldsNoSecrets: every secret comes from the environment.
func TestComposeHoldsNoSecrets(t *testing.T) {
	example, err := os.ReadFile("env.example")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range readCompose(t).Services {
		for variable, value := range s.Environment {
			if !regexp.MustCompile(`PASSWORD|SECRET|TOKEN`).MatchString(variable) {
				continue
			}
			match := regexp.MustCompile(`^\$\{([A-Z_]+)(:.*)?\}$`).FindStringSubmatch(value)
			if match == nil {
				t.Errorf("%s: %s stands in the file", name, variable)
			} else if !strings.Contains(string(example), "\n"+match[1]+"=\n") {
				t.Errorf("%s: %s is not in env.example, or has a value there", name, match[1])
			}
		}
	}
}

// TestComposeSetsKnownFlags: an environment variable with a typing error would
// be ignored in silence.
func TestComposeSetsKnownFlags(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root, "cmd", "tidemark", "serve.go"))
	if err != nil {
		t.Fatal(err)
	}
	for variable := range readCompose(t).Services["tidemark"].Environment {
		flag := regexp.MustCompile(`^tidemark_((nats|postgres)_)?`).ReplaceAllString(strings.ToLower(variable), "")
		field := strings.ReplaceAll(flag, "_", "")
		if flag == strings.ToLower(variable) || !regexp.MustCompile(`(?im)^\s+`+field+`\s+\S`).Match(source) {
			t.Errorf("%s is no flag of serve", variable)
		}
	}
}
