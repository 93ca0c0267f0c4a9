package blackbox

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
)

// Exit statuses of the command line.
const (
	exitFine = iota
	exitFault
	exitUsage
	exitDifferences
)

// output is what a run of the command line printed, and its exit status.
type output struct {
	t              *testing.T
	args           []string
	stdout, stderr string
	status         int
}

// cli runs a command of the binary.
func cli(t *testing.T, args ...string) *output {
	t.Helper()
	o := &output{t: t, args: args}
	var stdout, stderr strings.Builder
	command := exec.CommandContext(t.Context(), binary, args...)
	command.Env = served.Environment()
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	o.stdout, o.stderr, o.status = stdout.String(), stderr.String(), command.ProcessState.ExitCode()
	return o
}

// replay runs a command of tidemark replay on the world's service.
func (w *World) replay(args ...string) *output {
	w.t.Helper()
	t, ok := w.t.(*testing.T)
	if !ok {
		w.t.Fatal("commands are run by tests only")
	}
	return cli(t, append(append([]string{"replay"}, args...), "--url", w.s.URL, "--jwt-secret", secret)...)
}

// exits fails the test for any other exit status.
func (o *output) exits(status int) *output {
	o.t.Helper()
	if o.status != status {
		o.t.Fatalf("tidemark %s: exit status %d, want %d\n%s%s", strings.Join(o.args, " "), o.status, status, o.stdout, o.stderr)
	}
	return o
}

// says fails the test unless each text is printed somewhere.
func (o *output) says(texts ...string) *output {
	o.t.Helper()
	for _, text := range texts {
		if !strings.Contains(o.stdout+o.stderr, text) {
			o.t.Fatalf("tidemark %s says nothing of %q:\n%s%s", strings.Join(o.args, " "), text, o.stdout, o.stderr)
		}
	}
	return o
}

// json reads what was printed.
func (o *output) json() (document obj) {
	o.t.Helper()
	if err := json.Unmarshal([]byte(o.stdout), &document); err != nil {
		o.t.Fatalf("tidemark %s prints %q: %v", strings.Join(o.args, " "), o.stdout, err)
	}
	return document
}

func TestReplayStatusTellsHowThingsStand(t *testing.T) {
	t.Parallel()
	w := worldOf(t, start(t))
	w.replay("status").exits(exitFine).says("no messages, embedded", "generation 1: 0 videos", "runs           none")
	video := newID()
	w.user().publishes(video)
	w.user().get("/v1/position").want(200) // after what was published
	status := w.admin().get("/v1/admin/replay/status").want(200)
	log, folded := status.object()["log"].(obj), status.object()["folded"].(obj)
	if log["last_sequence"] != 1.0 || folded["sequence"] != 1.0 || folded["events"] != 1.0 || folded["lag_events"] != 0.0 {
		t.Errorf("status %s", status.Body)
	}
	w.replay("status").exits(exitFine).says("messages 1 to 1, embedded", "1.0, 1 events", "dead letters   0")
	if printed := w.replay("status", "--json").exits(exitFine).json(); canonical(printed["log"]) != canonical(log) {
		t.Errorf("printed %v, the API says %v", printed["log"], log)
	}
	w.admin().get("/v1/admin/replay/status?x=1").want(422)
}

func TestReplayCommandsSayWhyTheyFail(t *testing.T) {
	t.Parallel()
	w := world(t)
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"no service", []string{"status", "--url", "http://127.0.0.1:1", "--jwt-secret", secret}, exitFault, "is it running"},
		{"another secret", []string{"status", "--url", w.s.URL, "--jwt-secret", "another secret, which is long enough too"}, exitFault, "Give the service's own --data-dir"},
		{"no secret", []string{"status", "--url", w.s.URL, "--data-dir", t.TempDir()}, exitFault, "there is no secret in"},
		{"a token without the role", []string{"status", "--url", w.s.URL, "--token", mint(newID(), "service")}, exitFault, "(403)"},
		{"an actor that is none", []string{"status", "--actor", "me"}, exitUsage, "--actor"},
		{"no reason", []string{"rebuild"}, exitUsage, "--reason"},
		{"an empty reason", []string{"repair", "--reason=", "--url", w.s.URL, "--jwt-secret", secret}, exitFault, "/reason: must have 1 to 500 characters"},
		{"two things at once", []string{"rebuild", "--reason=r", "--switch", "--rollback"}, exitUsage, "--switch"},
		{"a throttled report", []string{"rebuild", "--until=3", "--throttle=5"}, exitUsage, "--throttle"},
		{"a report from a snapshot", []string{"rebuild", "--only=video:" + newID(), "--from-snapshot"}, exitUsage, "--from-snapshot"},
		{"a report that is held", []string{"rebuild", "--until=3", "--hold"}, exitUsage, "--hold"},
		{"a report that is accepted", []string{"rebuild", "--until=3", "--accept"}, exitUsage, "--accept"},
		{"a report begun anew", []string{"rebuild", "--until=3", "--fresh"}, exitUsage, "--fresh"},
		{"a dry run that is held", []string{"rebuild", "--dry-run", "--hold"}, exitUsage, "--hold"},
		{"a throttled switch", []string{"rebuild", "--reason=r", "--switch", "--throttle=5"}, exitUsage, "--throttle"},
		{"a switch that is held", []string{"rebuild", "--reason=r", "--switch", "--hold"}, exitUsage, "--hold"},
		{"a switch begun anew", []string{"rebuild", "--reason=r", "--switch", "--fresh"}, exitUsage, "--fresh"},
		{"a switch from a snapshot", []string{"rebuild", "--reason=r", "--switch", "--from-snapshot"}, exitUsage, "--from-snapshot"},
		{"a throttled way back", []string{"rebuild", "--reason=r", "--rollback", "--throttle=5"}, exitUsage, "--throttle"},
		{"a way back that is accepted", []string{"rebuild", "--reason=r", "--rollback", "--accept"}, exitUsage, "--accept"},
		{"a way back from an export", []string{"rebuild", "--reason=r", "--rollback", "--from-export=x"}, exitUsage, "--from-export"},
		{"a rebuild that lists", []string{"rebuild", "--reason=r", "--limit=5"}, exitUsage, "--limit"},
		{"a wait for no archive", []string{"verify", "--archive-wait=5s"}, exitUsage, "--archive"},
		{"an unknown command", []string{"guess"}, exitUsage, "guess"},
		{"a run that is none", []string{"runs", "x", "--url", w.s.URL, "--jwt-secret", secret}, exitFault, "(404)"},
		{"a run that is none", []string{"cancel", "x", "--url", w.s.URL, "--jwt-secret", secret}, exitFault, "(404)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cli(t, append([]string{"replay"}, c.args...)...).exits(c.status).says(c.says)
		})
	}
}

func TestRunsAreRefusedForWhatIsWrongWithThem(t *testing.T) {
	t.Parallel()
	admin := world(t).admin()
	for path, bodies := range map[string][]obj{
		"rebuild":  {{}, {"reason": ""}, {"reason": "r", "events_per_second": 0}, {"reason": "r", "accept": "yes"}, {"reason": "r", "until": 1}},
		"switch":   {{}, {"reason": "r", "hold": true}},
		"rollback": {{}, {"reason": "r", "accept": true}},
		"discard":  {{}, {"reason": "r", "accept": true}},
		"verify":   {{"reason": "r"}, {"events_per_second": -1}, {"archive_wait_seconds": 0}, {"archive_wait_seconds": 5}},
		"repair":   {{}, {"reason": "r", "accept": true}},
	} {
		for _, body := range bodies {
			admin.post("/v1/admin/replay/"+path, body).want(422)
		}
		admin.post("/v1/admin/replay/"+path, "{").want(400)
	}
	if runs := admin.get("/v1/admin/replay/runs").want(200).list("runs"); runs == nil {
		t.Error("no list of runs")
	}
	admin.get("/v1/admin/replay/runs/" + newID()).want(404)
	admin.delete("/v1/admin/replay/runs/" + newID()).want(404)
}
