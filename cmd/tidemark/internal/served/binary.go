package served

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Build builds the binary into a directory, with flags of go build, and returns
// its path.
func Build(dir string, flags ...string) (string, error) {
	binary := filepath.Join(dir, "tidemark")
	args := slices.Concat([]string{"build"}, flags, []string{"-o", binary, "github.com/tidemark-io/tidemark/cmd/tidemark"})
	if said, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the binary: %w\n%s", err, said)
	}
	return binary, nil
}

// Environment is the environment without settings of tidemark, in which every
// command of the binary runs.
func Environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TIDEMARK_") })
}
