package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"time"

	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

type runCmd struct {
	Quick  bool              `xor:"size" help:"Take a few minutes: fewer and shorter rounds."`
	Smoke  bool              `xor:"size" help:"Take seconds: small tables and one short round. It shows that all works; its figures say nothing."`
	Only   *regexp.Regexp    `help:"Scenarios whose name matches."`
	Rounds int               `help:"Rounds; without it 7, or 3 with --quick."`
	Out    string            `default:"results.json" help:"File for the results; empty for none."`
	GOGC   string            `name:"gogc" default:"800" help:"Collector setting of every server in Go."`
	Root   string            `type:"existingdir" default:".." help:"Working copy of the product to be measured."`
	Also   map[string]string `placeholder:"NAME=DIR" help:"Other working copies, to be measured beside it in the reading scenarios."`
	Dir    string            `type:"existingdir" help:"Where the servers' data goes while the run lasts; the system's temporary directory unless given."`
	List   bool              `help:"Print the names of the scenarios and do nothing."`
}

// Validate refuses values that cannot work.
func (r *runCmd) Validate() error {
	if r.Rounds < 0 {
		return errors.New("--rounds must not be negative")
	}
	return nil
}

// Run measures the selected scenarios.
func (r *runCmd) Run(ctx context.Context) (err error) {
	groups := selected(groups(), r.Only)
	if r.List {
		for _, s := range scenarios(groups) {
			fmt.Println(s.Name)
		}
		return nil
	}
	start := time.Now()
	dir, err := os.MkdirTemp(r.Dir, "tidemark-bench-")
	if err != nil {
		return fmt.Errorf("make a directory for the servers' data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// PostgreSQL, which runs as a user of its own, must get through.
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	env, err := r.environment(ctx, dir)
	if err != nil {
		return err
	}
	found, err := r.describe(ctx, env)
	if err != nil {
		return err
	}
	if found.Rows, err = measure(ctx, env, groups); err != nil {
		return err
	}
	found.Missing = env.Missing()
	for _, s := range scenarios(groups) {
		found.Ratios = append(found.Ratios, result.Judge(s.Goals, found.Rows)...)
	}
	found.Seconds = time.Since(start).Seconds()
	if r.Out != "" {
		if err := found.Write(r.Out); err != nil {
			return err
		}
	}
	return found.WriteTable(os.Stdout)
}

// environment builds the binaries and settles the sizes.
func (r *runCmd) environment(ctx context.Context, dir string) (*scenario.Env, error) {
	env := &scenario.Env{
		Size: scenario.Full, GOGC: r.GOGC, Dir: dir, Rounds: r.Rounds,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Also: make(map[string]string),
	}
	switch {
	case r.Quick:
		env.Size = scenario.Quick
	case r.Smoke:
		env.Size = scenario.Smoke
	}
	if env.Rounds == 0 {
		env.Rounds = scenario.Pick(env, 7, 3, 1)
	}
	var err error
	if env.Tidemark, err = buildProduct(ctx, r.Root, dir, "tidemark"); err != nil {
		return nil, err
	}
	for name, root := range r.Also {
		if env.Also[name], err = buildProduct(ctx, root, dir, "tidemark-"+name); err != nil {
			return nil, err
		}
	}
	env.Peers, err = buildPeers(ctx, dir)
	return env, err
}

// measure runs the scenarios one after the other. The first error ends the
// run: it means a wrong answer, or a server that cannot be measured.
func measure(ctx context.Context, env *scenario.Env, groups []scenario.Group) (rows []result.Row, err error) {
	for _, group := range groups {
		found, err := measureGroup(ctx, env, group)
		if err != nil {
			return nil, err
		}
		rows = append(rows, found...)
	}
	return rows, nil
}

func measureGroup(ctx context.Context, env *scenario.Env, group scenario.Group) (rows []result.Row, err error) {
	if group.Close != nil {
		defer func() { err = errors.Join(err, group.Close()) }()
	}
	for _, s := range group.Scenarios {
		start := time.Now()
		found, err := s.Run(ctx, env)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		env.Logger.Info("measured", "scenario", s.Name, "seconds", int(time.Since(start).Seconds()))
		rows = append(rows, found...)
	}
	return rows, nil
}
