package reading

import (
	"fmt"

	"github.com/tidemark-io/tidemark/bench/result"
)

// The subjects of the rows.
const (
	tidemark    = "tidemark"
	floorGin    = "floor-gin"
	floorPlain  = "floor-nethttp"
	redisBest   = "redis-rueidis"
	redisOther  = "redis-go-redis"
	postgresPgx = "postgres-pgx"
)

// everybody is all subjects that answer with counters, and the floors.
var everybody = []string{floorGin, floorPlain, tidemark, redisBest, redisOther, postgresPgx}

// peerLimits are the ratios to reach against a peer.
type peerLimits struct {
	subject, called string
	cpu, rate       float64
}

var limitsOfPeers = []peerLimits{
	{redisBest, "Redis with rueidis", 0.25, 2.7},
	{postgresPgx, "PostgreSQL with pgx", 1.0 / 9, 6},
}

// batchGoals are the ratios of reading as many IDs at once. They are asked for
// where the peers are concerned of 20 IDs, and told of others.
func batchGoals(scenario string, ids int) []result.Goal {
	row := func(subject string) result.Selector { return result.Selector{Scenario: scenario, Subject: subject} }
	limit, judged := map[int]float64{1: 1.03, 20: 1.10, 100: 1.25}[ids]
	what := fmt.Sprintf("%d IDs", ids)
	if ids == 1 {
		what = "1 ID"
	}
	goals := []result.Goal{{
		What: what + ": processor time to the gin floor's", Figure: result.CPU,
		Of: row(tidemark), To: row(floorGin), Limit: limit, Reported: !judged,
	}}
	for _, peer := range limitsOfPeers {
		goals = append(goals,
			result.Goal{What: what + ": processor time to " + peer.called, Figure: result.CPU,
				Of: row(tidemark), To: row(peer.subject), Limit: peer.cpu, Reported: ids != 20},
			result.Goal{What: what + ": requests/s to " + peer.called, Figure: result.Rate,
				Of: row(tidemark), To: row(peer.subject), Limit: peer.rate, AtLeast: true, Reported: ids != 20})
	}
	return goals
}
