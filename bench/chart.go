package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tidemark-io/tidemark/bench/chart"
	"github.com/tidemark-io/tidemark/bench/result"
)

type chartCmd struct {
	Results string `arg:"" default:"results.json" type:"existingfile" help:"File that a run has written."`
	Dir     string `arg:"" default:"../docs/charts" type:"path" help:"Directory for the SVG files; made where it is not there."`
}

// Run draws what the run has figures for.
func (c *chartCmd) Run() error {
	run, err := result.Read(c.Results)
	if err != nil {
		return err
	}
	if len(chart.FromRun(run)) == 0 {
		return errors.New("the run has nothing that is drawn: were only some scenarios run?")
	}
	return draw(run, c.Dir)
}

// draw writes the charts that the run has figures for.
func draw(run *result.Run, dir string) error {
	files := chart.FromRun(run)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory of the charts: %w", err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.SVG, 0o644); err != nil {
			return fmt.Errorf("write a chart: %w", err)
		}
	}
	fmt.Fprintf(os.Stderr, "%d charts in %s\n", len(files), dir)
	return nil
}
