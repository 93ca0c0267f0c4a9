package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// session is a run under way. What is found is written after each scenario, so
// that an hour's work is not lost with the last minute's.
type session struct {
	env   *scenario.Env
	out   string // file for the results; empty for none
	begun time.Time
	// found is this run's own, earlier what it is merged with: nil if nothing.
	found, earlier *result.Run
	left           time.Duration // that the scenarios to come take, about
}

// errTooLong ends a group that would never end by itself.
var errTooLong = errors.New("it took many times as long as it should")

// measure runs the scenarios one after the other and returns what was found, nil
// where that is nothing. A scenario that fails is named in the error, and the
// rest is measured all the same.
func (s *session) measure(ctx context.Context, groups []scenario.Group) (*result.Run, error) {
	all := scenarios(groups)
	for _, one := range all {
		s.left += s.env.About(one)
	}
	s.env.Logger.Info("begin", "scenarios", len(all), "about", s.left)
	var whole *result.Run
	for _, group := range groups {
		found, err := s.group(ctx, group)
		if err != nil {
			return whole, err
		}
		if found != nil {
			whole = found
		}
	}
	part := &s.found.Parts[0]
	if ctx.Err() != nil {
		return whole, fmt.Errorf("interrupted: %d of %d scenarios are measured", len(part.Scenarios), len(all))
	}
	if len(part.Failed) > 0 {
		var names []string
		for _, f := range part.Failed {
			names = append(names, f.Scenario)
		}
		return whole, fmt.Errorf("%d of %d scenarios failed: %s", len(names), len(all), strings.Join(names, ", "))
	}
	return whole, nil
}

// group runs the scenarios of one group, which share servers. They are ended
// together where one takes far too long, or when the run is interrupted. The
// error is only of writing down what was found.
func (s *session) group(parent context.Context, group scenario.Group) (whole *result.Run, err error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	last := ""
	for _, one := range group.Scenarios {
		if parent.Err() != nil {
			break
		}
		last = one.Name
		about := s.env.About(one)
		s.env.Logger.Info("measuring", "scenario", one.Name, "about", about, "left", s.left)
		s.left -= about
		late := time.AfterFunc(5*about+5*time.Minute, func() { cancel(errTooLong) })
		start := time.Now()
		rows, failed := s.scenario(ctx, one)
		late.Stop()
		if parent.Err() != nil {
			break
		}
		if whole, err = s.keep(one.Name, rows, failed, time.Since(start)); err != nil {
			break
		}
	}
	if group.Close == nil {
		return whole, err
	}
	if closed := group.Close(); closed != nil && ctx.Err() == nil && err == nil {
		whole, err = s.keep(last, nil, fmt.Errorf("end what was measured: %w", closed), 0)
	}
	return whole, err
}

// scenario measures one. What it is all about may not be installed: that is
// noted. One that finds nothing and does not say why has failed: it would be
// missing from the results without a word.
func (s *session) scenario(ctx context.Context, one scenario.Scenario) ([]result.Row, error) {
	s.env.Rounds = s.env.RoundsOf(one)
	rows, err := one.Run(ctx, s.env)
	var missing *process.MissingError
	switch {
	case errors.As(err, &missing):
		s.env.Miss(one.Name + ": " + missing.Error())
		return nil, nil
	case err != nil && context.Cause(ctx) != nil:
		return nil, errors.Join(context.Cause(ctx), err)
	case err != nil:
		return nil, err
	case len(rows) == 0:
		return nil, errors.New("nothing was measured")
	}
	for i := range rows {
		if len(rows[i].Figures) == 0 {
			return nil, fmt.Errorf("%s has no figures", rows[i].Subject)
		}
	}
	return rows, nil
}

// keep adds what a scenario found, or why it failed, and writes the file. It
// returns all that was found, judged, joined with what the file had before where
// that is asked for.
func (s *session) keep(name string, rows []result.Row, failed error, took time.Duration) (*result.Run, error) {
	part := &s.found.Parts[0]
	if failed != nil {
		s.env.Logger.Error("failed", "scenario", name, "seconds", int(took.Seconds()), "err", failed)
		part.Failed = append(part.Failed, result.Failure{Scenario: name, Error: failed.Error()})
	} else {
		s.env.Logger.Info("measured", "scenario", name, "seconds", int(took.Seconds()))
		part.Scenarios = append(part.Scenarios, name)
		s.found.Rows = append(s.found.Rows, rows...)
	}
	part.Seconds, part.Missing = time.Since(s.begun).Seconds(), s.env.Missing()
	whole := *s.found
	if s.earlier != nil {
		if err := whole.Join(s.earlier); err != nil {
			return nil, err
		}
	}
	var order []string
	for _, one := range scenarios(groups()) {
		order = append(order, one.Name)
		whole.Ratios = append(whole.Ratios, result.Judge(one.Goals, whole.Rows)...)
	}
	slices.SortStableFunc(whole.Rows, func(a, b result.Row) int {
		return slices.Index(order, a.Scenario) - slices.Index(order, b.Scenario)
	})
	if s.out == "" {
		return &whole, nil
	}
	return &whole, whole.Write(s.out)
}
