package reading

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/bench/world"
)

// since is the scenario of polls that ask what has changed, when nothing has.
const since = "read/since"

// floorFull is the gin floor that answers such a poll with as much as the
// counters themselves would be.
const floorFull = floorGin + ", as large as 20 counters"

func (st *stage) polls() scenario.Scenario {
	row := func(subject string) result.Selector { return result.Selector{Scenario: since, Subject: subject} }
	const what = "unchanged since poll of 20 IDs: "
	return scenario.Scenario{Name: since, Takes: scenario.Takes{Full: 95 * time.Second, Quick: 28 * time.Second}, Run: st.runPolls, Goals: []result.Goal{
		{What: what + "processor time to the gin floor's, answers of the same size", Figure: result.CPU, Of: row(tidemark), To: row(floorGin), Limit: 1},
		{What: what + "processor time to the gin floor's, answers with 20 counters", Figure: result.CPU, Of: row(tidemark), To: row(floorFull), Limit: 1},
		{What: what + "body", Figure: result.Body, Of: row(tidemark), Limit: 99},
	}}
}

func (st *stage) runPolls(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
	if err := st.ready(ctx, env); err != nil {
		return nil, err
	}
	full := st.batches[20]
	var entrants []*entrant
	for _, s := range st.named(floorGin, floorPlain, tidemark) {
		position := ""
		if s.tidemark != nil {
			var err error
			if position, err = positionOf(ctx, s.address); err != nil {
				return nil, err
			}
		}
		entrants = append(entrants, newEntrant(since, s, newPolls(full, position)))
		if s.name == floorGin {
			e := newEntrant(since, s, full)
			e.row.Subject = floorFull
			entrants = append(entrants, e)
		}
	}
	return measure(ctx, env, entrants)
}

// positionOf asks for one video and returns the position of the answer.
func positionOf(ctx context.Context, address string) (string, error) {
	body := world.AppendBatchRequest(nil, []int{0})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+batchPath, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask for a position: %w", err)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	position := resp.Header.Get("Tidemark-Position")
	if err == nil && position == "" {
		err = fmt.Errorf("%s answered without a position", resp.Status)
	}
	return position, errors.Join(err, resp.Body.Close())
}
