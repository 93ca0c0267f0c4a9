package blackbox

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	eventlog "github.com/tidemark-io/tidemark/events/log"
)

var updateScripts = flag.Bool("update-scripts", false, "write what the scripts print now below their commands")

// Scripts are files of blocks: commands, one a line, then ---- and what they print,
// then an empty line. Names such as v1 and u1 stand for videos and users.
//
//	view v1 3           three views
//	like v1 u1          a like, unlike takes it back
//	delete v1 why       an administrator deletes the video, restore brings it back
//	get v1              its counts
//	serve --flag=x      stop gracefully and start with more flags
//	snapshots 2         wait until so many are kept
//	trim 3              stop, have the log forget messages 1 to 3, and start again
//	crash               kill -9 and start again; restart stops gracefully,
//	                    and so does stop, until start
//	replay verify       what the command line prints, and its exit status if not 0; DATA is
//	                    the data directory
//	audit               who did what and why, newest first
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/scripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := &script{w: worldOf(t, start(t)), names: map[string]string{}}
			s.w.s.expects = `msg="run failed"` // scripts ask for what cannot be, too
			got := s.run(string(text))
			if *updateScripts {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("%s prints\n%s", file, got)
			}
		})
	}
}

// script is one service and the names that its script has given to IDs.
type script struct {
	w     *World
	names map[string]string
}

func (s *script) id(name string) string {
	if s.names[name] == "" {
		s.names[name] = newID()
	}
	return s.names[name]
}

// run runs the blocks and returns them with what they print now.
func (s *script) run(text string) string {
	var out []string
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		commands, _, _ := strings.Cut(block, "----")
		var printed strings.Builder
		for line := range strings.SplitSeq(strings.TrimSpace(commands), "\n") {
			if line != "" && line[0] != '#' {
				printed.WriteString(s.command(strings.Fields(line)))
			}
		}
		out = append(out, strings.TrimSpace(commands)+"\n----\n"+strings.TrimSpace(s.plain(printed.String())))
	}
	return strings.Join(out, "\n\n") + "\n"
}

func (s *script) command(words []string) string {
	w, args := s.w, words[1:]
	switch words[0] {
	case "view":
		times := 1
		if len(args) > 1 {
			times, _ = strconv.Atoi(args[1])
		}
		for range times {
			w.service().views(s.id(args[0]))
		}
	case "like", "unlike":
		method := map[string]string{"like": "PUT", "unlike": "DELETE"}[words[0]]
		user := &Caller{w: w, ID: s.id(args[1]), token: mint(s.id(args[1]))}
		user.do(method, "/v1/videos/"+s.id(args[0])+"/like", nil).want(202)
	case "delete", "restore":
		w.admin().post("/v1/admin/videos/batch-"+words[0], obj{"video_ids": []string{s.id(args[0])}, "reason": args[1]}).want(200)
	case "get":
		return s.get(args[0])
	case "serve":
		w.s.Flags = append(w.s.Flags, args...)
		w.s.Stop(w.t)
		w.s.Restart(w.t)
	case "snapshots":
		want, _ := strconv.Atoi(args[0])
		eventually(w.t, "snapshots", func() (bool, string) {
			list, _ := filepath.Glob(filepath.Join(w.s.Dir, "models", "snapshots", "snapshot-*[0-9]"))
			return len(list) == want, fmt.Sprint(list)
		})
	case "trim":
		s.trim(args[0])
	case "crash":
		w.s.Kill()
		w.s.Restart(w.t)
	case "restart":
		w.s.Stop(w.t)
		w.s.Restart(w.t)
	case "stop":
		w.s.Stop(w.t)
	case "start":
		w.s.Restart(w.t)
	case "audit":
		return s.audit()
	case "replay":
		for i := range args {
			args[i] = strings.ReplaceAll(strings.ReplaceAll(args[i], "_", " "), "DATA", w.s.Dir)
		}
		o := w.replay(args...)
		if o.status != 0 {
			o.stdout += fmt.Sprintf("%sexit status %d\n", lastLine(o.stderr), o.status)
		}
		return o.stdout
	default:
		w.t.Fatalf("%s is no command of scripts", words[0])
	}
	return ""
}

// trim has the log forget its messages up to one.
func (s *script) trim(upTo string) {
	w := s.w
	seq, err := strconv.ParseUint(upTo, 10, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	w.s.Stop(w.t)
	log, err := eventlog.Open(context.Background(), eventlog.Config{Dir: filepath.Join(w.s.Dir, "jetstream"), Existing: true})
	if err == nil {
		err = log.Trim(context.Background(), seq)
		log.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.s.Restart(w.t)
}

// lastLine is what a command says of its failure, without the progress before.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1] + "\n"
}

func (s *script) get(name string) string {
	video := s.id(name)
	a := s.w.anonymous().get("/v1/videos/batch-metadata?ids=" + video).want(200)
	c, there := decode[struct{ Videos map[string]counts }](s.w.t, a).Videos[video]
	if !there {
		return name + ": not there\n"
	}
	return fmt.Sprintf("%s: %d views, %d likes\n", name, c.Views, c.Likes)
}

func (s *script) audit() (text string) {
	for _, e := range s.w.admin().get("/v1/admin/audit").want(200).list("entries") {
		outcome, _ := e["outcome"].(obj)
		text += fmt.Sprintf("%s: %s", e["action"], e["reason"])
		if state, ok := outcome["state"].(string); ok {
			text += " → " + state
		}
		if detail, ok := outcome["detail"].(string); ok {
			text += ": " + detail
		}
		text += "\n"
	}
	return text
}

// What differs from run to run is told by its kind.
var scriptKinds = []struct {
	pattern *regexp.Regexp
	kind    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "HEX"},
	{regexp.MustCompile(`\b[0-9a-f]{16}\b`), "SUM"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`\b[0-9]+ events in [0-9.]+ s\b`), "N events in T s"},
	{regexp.MustCompile(`\b[0-9]+ a second\b`), "N a second"},
	{regexp.MustCompile(`\b[0-9.]+ s\b`), "T s"},
	{regexp.MustCompile(`\b[0-9]+ MiB\b`), "N MiB"},
	{regexp.MustCompile(`\bof [0-9]+ bytes\b`), "of N bytes"},
	{regexp.MustCompile(`\b[0-9]+ buckets\b`), "N buckets"}, // trending has one for each minute that it began in
	{regexp.MustCompile(` +\n`), "\n"},
}

func (s *script) plain(text string) string {
	text = strings.ReplaceAll(text, s.w.s.Dir, "DATA")
	for name, id := range s.names {
		text = strings.ReplaceAll(text, id, name)
	}
	for _, k := range scriptKinds {
		text = k.pattern.ReplaceAllString(text, k.kind)
	}
	return strings.ReplaceAll(text, " \n", "\n")
}
