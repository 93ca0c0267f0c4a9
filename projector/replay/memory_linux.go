package replay

import (
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// cgroups is where control groups (version 2) are mounted.
const cgroups = "/sys/fs/cgroup"

// machineMemory is the least that the machine and the process's control groups
// leave. What cannot be found out bounds nothing.
func machineMemory() (free uint64, whose string) {
	free, whose = math.MaxUint64, "nobody"
	if kib, ok := field("/proc/meminfo", "MemAvailable:"); ok {
		free, whose = kib<<10, "the machine"
	}
	own, _ := os.ReadFile("/proc/self/cgroup")
	group, _, _ := strings.Cut(strings.TrimPrefix(string(own), "0::"), "\n")
	for group = path.Join("/", group); ; group = path.Dir(group) {
		if left, ok := groupMemory(path.Join(cgroups, group)); ok && left < free {
			free, whose = left, "the control group "+group
		}
		if group == "/" {
			return free, whose
		}
	}
}

// groupMemory is what a control group leaves: files that lie in memory make room.
func groupMemory(dir string) (left uint64, ok bool) {
	limit, limited := number(path.Join(dir, "memory.max"))
	used, known := number(path.Join(dir, "memory.current"))
	if !limited || !known {
		return 0, false
	}
	for _, kind := range []string{"active_file", "inactive_file"} {
		files, _ := field(path.Join(dir, "memory.stat"), kind)
		used -= min(files, used)
	}
	return limit - min(used, limit), true
}

func number(file string) (n uint64, ok bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// field reads the number behind a name at the beginning of a line.
func field(file, name string) (n uint64, ok bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			n, err = strconv.ParseUint(words[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
