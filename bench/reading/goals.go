package reading

import (
	"fmt"

	"github.com/tidemark-io/tidemark/bench/result"
)

// batchGoals are the ratios of reading as many IDs at once.
func batchGoals(scenario string, ids int) []result.Goal {
	row := func(subject string) result.Selector { return result.Selector{Scenario: scenario, Subject: subject} }
	limits := map[int]float64{1: 1.03, 20: 1.10, 100: 1.25}
	goals := []result.Goal{{
		What:   fmt.Sprintf("%d IDs: processor time to the gin floor's", ids),
		Figure: result.CPU, Of: row("tidemark"), To: row("floor-gin"), Limit: limits[ids],
	}}
	if ids != 20 {
		return goals
	}
	return append(goals,
		result.Goal{What: "20 IDs: processor time to Redis with rueidis", Figure: result.CPU, Of: row("tidemark"), To: row("redis-rueidis"), Limit: 0.25},
		result.Goal{What: "20 IDs: processor time to PostgreSQL with pgx", Figure: result.CPU, Of: row("tidemark"), To: row("postgres-pgx"), Limit: 1.0 / 9},
		result.Goal{What: "20 IDs: requests/s to Redis with rueidis", Figure: result.Rate, Of: row("tidemark"), To: row("redis-rueidis"), Limit: 2.7, AtLeast: true},
		result.Goal{What: "20 IDs: requests/s to PostgreSQL with pgx", Figure: result.Rate, Of: row("tidemark"), To: row("postgres-pgx"), Limit: 6, AtLeast: true},
	)
}
