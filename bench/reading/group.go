package reading

import "github.com/tidemark-io/tidemark/bench/scenario"

// Group returns the reading scenarios.
func Group() scenario.Group { return scenario.Group{} }
