package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

type runCmd struct {
	Quick  bool              `xor:"size" help:"Take a few minutes: fewer and shorter rounds."`
	Smoke  bool              `xor:"size" help:"Take seconds: small tables and one short round. It shows that all works; its figures say nothing."`
	Only   *regexp.Regexp    `help:"Scenarios whose name matches."`
	Rounds int               `help:"Rounds; without it 7, or 3 with --quick."`
	Merge  bool              `help:"Keep what the file of --out has of other scenarios, so that they may be run one by one."`
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
	if r.Merge && r.Out == "" {
		return errors.New("--merge needs a file: --out is empty")
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
	part := &found.Parts[0]
	part.Seconds, part.Missing = time.Since(start).Seconds(), env.Missing()
	for _, s := range scenarios(groups) {
		part.Scenarios = append(part.Scenarios, s.Name)
	}
	if err := r.keep(found); err != nil {
		return err
	}
	return found.WriteTable(os.Stdout)
}

// keep judges what was found, joined with what the file has where that is asked
// for, and writes the file.
func (r *runCmd) keep(found *result.Run) error {
	if r.Merge {
		earlier, err := result.Read(r.Out)
		if err == nil {
			err = found.Join(earlier)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	var order []string
	for _, s := range scenarios(groups()) {
		order = append(order, s.Name)
		found.Ratios = append(found.Ratios, result.Judge(s.Goals, found.Rows)...)
	}
	slices.SortStableFunc(found.Rows, func(a, b result.Row) int {
		return slices.Index(order, a.Scenario) - slices.Index(order, b.Scenario)
	})
	if r.Out == "" {
		return nil
	}
	return found.Write(r.Out)
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
		if err == nil {
			err = checkRows(found)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		env.Logger.Info("measured", "scenario", s.Name, "seconds", int(time.Since(start).Seconds()))
		rows = append(rows, found...)
	}
	return rows, nil
}

// checkRows refuses a scenario that has measured nothing: it would be missing
// from the results without a word.
func checkRows(rows []result.Row) error {
	if len(rows) == 0 {
		return errors.New("nothing was measured")
	}
	for i := range rows {
		if len(rows[i].Figures) == 0 {
			return fmt.Errorf("%s has no figures", rows[i].Subject)
		}
	}
	return nil
}
