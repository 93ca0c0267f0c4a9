package main

import (
	"os"

	"github.com/tidemark-io/tidemark/bench/result"
)

type tableCmd struct {
	Results string `arg:"" default:"results.json" type:"existingfile" help:"File that a run has written."`
}

// Run prints the table of a run.
func (t *tableCmd) Run() error {
	r, err := result.Read(t.Results)
	if err != nil {
		return err
	}
	return r.WriteTable(os.Stdout)
}
