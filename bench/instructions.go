package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tidemark-io/tidemark/bench/instructions"
)

type instructionsCmd struct {
	Update    bool    `help:"Keep the counts of now."`
	Tolerance float64 `default:"3" help:"How much more, in percent, a workload may execute than before."`
	Baseline  string  `default:"instructions/baseline.json" type:"path" help:"File with the counts of before."`
	Root      string  `type:"existingdir" default:".." help:"Working copy of the product."`
}

// Run counts, and compares or keeps the counts.
func (c *instructionsCmd) Run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "tidemark-instructions-")
	if err != nil {
		return fmt.Errorf("make a directory for the counts: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	before, err := instructions.Read(c.Baseline)
	if c.Update && errors.Is(err, os.ErrNotExist) {
		before, err = new(instructions.Counts), nil
	}
	if err != nil {
		return err
	}
	now, err := instructions.Count(ctx, c.Root, dir)
	if err != nil {
		return err
	}
	worse, err := now.Compare(os.Stdout, before, c.Tolerance)
	if err != nil {
		return err
	}
	if c.Update {
		return now.Write(c.Baseline)
	}
	if len(worse) > 0 {
		return fmt.Errorf("these execute more than before: %s (where it is meant to be: make instructions-update)", strings.Join(worse, "; "))
	}
	return nil
}
