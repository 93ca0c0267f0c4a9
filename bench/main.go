// Command bench measures tidemark beside its floor and its peers, in one run,
// with every answer checked. `make bench` in the product's directory runs it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Run   runCmd   `cmd:"" help:"Measure, and print the table."`
	Table tableCmd `cmd:"" help:"Print the table of a run that was kept."`
	Chart chartCmd `cmd:"" help:"Draw the charts of a run that was kept."`

	Instructions instructionsCmd `cmd:"" help:"Count the instructions of fixed workloads, and compare with the counts that are kept."`
}

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	var c cli
	parser, err := kong.New(&c,
		kong.Name("bench"),
		kong.Description("Measures tidemark beside its floor and its peers."),
		kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 2
	}
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}
