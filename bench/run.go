package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"time"

	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

type runCmd struct {
	Quick  bool              `xor:"size" help:"Take a quarter of an hour: fewer and shorter rounds."`
	Smoke  bool              `xor:"size" help:"Take a minute: small tables and one short round. It shows that all works; its figures say nothing."`
	Only   *regexp.Regexp    `help:"Scenarios whose name matches."`
	Rounds int               `help:"Rounds; without it 5, of long scenarios 3, and 3 of all with --quick."`
	Merge  bool              `help:"Keep what the file of --out has of other scenarios, so that they may be run one by one."`
	Out    string            `default:"results.json" help:"File for the results, written after each scenario; empty for none."`
	Charts string            `default:"charts" help:"Directory for the charts that are drawn of the results at the end; empty for none."`
	GOGC   string            `name:"gogc" default:"800" help:"Collector setting of every server in Go."`
	Root   string            `type:"existingdir" default:".." help:"Working copy of the product to be measured."`
	Also   map[string]string `placeholder:"NAME=DIR" help:"Other working copies, to be measured beside it in the reading scenarios and in ingest."`
	Dir    string            `type:"existingdir" help:"Where the servers' data goes while the run lasts; the system's temporary directory unless given."`
	List   bool              `help:"Print the names of the scenarios, with about how long each takes, and do nothing."`
}

// Validate refuses values that cannot work.
func (r *runCmd) Validate() error {
	if r.Rounds < 0 {
		return errors.New("--rounds must not be negative")
	}
	if r.Merge && r.Out == "" {
		return errors.New("--merge needs a file: --out is empty")
	}
	return nil
}

// Run measures the selected scenarios, and prints what was found: of all of
// them, or of those that were done when it was interrupted.
func (r *runCmd) Run(ctx context.Context) (err error) {
	groups := selected(groups(), r.Only)
	env := r.settings()
	if r.List {
		for _, s := range scenarios(groups) {
			fmt.Printf("%-20s %s\n", s.Name, env.About(s))
		}
		return nil
	}
	earlier, err := r.earlier()
	if err != nil {
		return err
	}
	if env.Dir, err = os.MkdirTemp(r.Dir, "tidemark-bench-"); err != nil {
		return fmt.Errorf("make a directory for the servers' data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(env.Dir)) }()
	// PostgreSQL, which runs as a user of its own, must get through.
	if err := os.Chmod(env.Dir, 0o711); err != nil {
		return err
	}
	if err := r.build(ctx, env); err != nil {
		return err
	}
	found, err := r.describe(ctx, env)
	if err != nil {
		return err
	}
	if earlier != nil {
		trial := *found
		if err := trial.Join(earlier); err != nil {
			return err
		}
	}
	s := &session{env: env, out: r.Out, found: found, earlier: earlier, begun: time.Now()}
	whole, err := s.measure(ctx, groups)
	if whole == nil {
		return err
	}
	if r.Out != "" && r.Charts != "" {
		err = errors.Join(err, draw(whole, r.Charts))
	}
	return errors.Join(whole.WriteTable(os.Stdout), err)
}

// earlier reads the results that this run's are merged with, before anything is
// measured: nil where there are none.
func (r *runCmd) earlier() (*result.Run, error) {
	if !r.Merge {
		return nil, nil
	}
	earlier, err := result.Read(r.Out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return earlier, err
}

// settings settles the sizes.
func (r *runCmd) settings() *scenario.Env {
	env := &scenario.Env{
		Size: scenario.Full, GOGC: r.GOGC, Asked: r.Rounds,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Also: make(map[string]string),
	}
	switch {
	case r.Quick:
		env.Size = scenario.Quick
	case r.Smoke:
		env.Size = scenario.Smoke
	}
	return env
}

// build builds the binaries.
func (r *runCmd) build(ctx context.Context, env *scenario.Env) (err error) {
	if env.Tidemark, err = buildProduct(ctx, r.Root, env.Dir, "tidemark"); err != nil {
		return err
	}
	for name, root := range r.Also {
		if env.Also[name], err = buildProduct(ctx, root, env.Dir, "tidemark-"+name); err != nil {
			return err
		}
	}
	env.Peers, err = buildPeers(ctx, env.Dir)
	return err
}
