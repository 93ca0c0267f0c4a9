package main

import (
	"regexp"

	"github.com/tidemark-io/tidemark/bench/archiving"
	"github.com/tidemark-io/tidemark/bench/curves"
	"github.com/tidemark-io/tidemark/bench/inprocess"
	"github.com/tidemark-io/tidemark/bench/reading"
	"github.com/tidemark-io/tidemark/bench/replay"
	"github.com/tidemark-io/tidemark/bench/restart"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/bench/writing"
)

// groups returns everything that can be measured, in its order.
func groups() []scenario.Group {
	list := []scenario.Group{
		reading.Group(),
		writing.Group(),
		writing.IngestGroup(),
		curves.Group(),
		restart.Group(),
	}
	list = append(list, archiving.Groups()...)
	list = append(list, replay.Groups()...)
	return append(list, inprocess.Groups()...)
}

// selected keeps the scenarios whose name matches; a nil expression keeps all.
func selected(groups []scenario.Group, only *regexp.Regexp) []scenario.Group {
	if only == nil {
		return groups
	}
	var kept []scenario.Group
	for _, g := range groups {
		var some []scenario.Scenario
		for _, s := range g.Scenarios {
			if only.MatchString(s.Name) {
				some = append(some, s)
			}
		}
		if g.Scenarios = some; len(some) > 0 {
			kept = append(kept, g)
		}
	}
	return kept
}

func scenarios(groups []scenario.Group) []scenario.Scenario {
	var all []scenario.Scenario
	for _, g := range groups {
		all = append(all, g.Scenarios...)
	}
	return all
}
