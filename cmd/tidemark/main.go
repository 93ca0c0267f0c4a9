// Command tidemark is the whole service in one binary: serve runs it, token
// mints a bearer token, replay looks into the log and the read model of a
// running one, load drives one. This package reads the configuration, wires the
// parts together and leaves the work to them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the table of contents of the command line. Every flag is also an
// environment variable: --data-dir is TIDEMARK_DATA_DIR.
type cli struct {
	Serve       serveCmd       `cmd:"" help:"Run the service."`
	Token       tokenCmd       `cmd:"" help:"Print a bearer token."`
	Replay      replayCmd      `cmd:"" help:"Look into the log and the read model of a service; rebuild, verify and repair it."`
	Load        loadCmd        `cmd:"" help:"Import a trace into a running service, or drive it with a workload."`
	Import      importCmd      `cmd:"" help:"Import what an application has already."`
	Ingest      ingestCmd      `cmd:"" help:"Follow an application that goes on."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running service whether it lives; for containers."`
	Version     versionCmd     `cmd:"" help:"Print version, commit and Go version."`
}

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once, whatever it waits for.
	context.AfterFunc(ctx, stop)
	parser, err := newParser(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tidemark:", err)
		return exitFault
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tidemark:", err)
		return exitUsage
	}
	stray := unheeded(parser.Model.Node, os.Environ())
	if parsed.Command() != "serve" { // whose log has them, in the format that it was given
		for _, name := range stray {
			fmt.Fprintf(os.Stderr, "tidemark: the environment has %s, which is no flag of any command, and it is not heeded; tidemark serve --help names them\n", name)
		}
	}
	err = parsed.Run(stray)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "tidemark:", err)
	if errors.Is(err, errDifferences) || errors.Is(err, errArchiveDiffers) {
		return exitDifferences
	}
	return exitFault
}

// newParser reads the command line; commands run with the context.
func newParser(ctx context.Context) (*kong.Kong, error) {
	return kong.New(&cli{},
		kong.Name("tidemark"),
		kong.Description("Exact counters for high-volume polling, from an event log."),
		kong.UsageOnError(),
		kong.DefaultEnvars("TIDEMARK"),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
}

// Exit codes besides 0.
const (
	exitFault = 1 // something failed; the message says what to do
	exitUsage = 2 // the command line or an environment variable is wrong
)
