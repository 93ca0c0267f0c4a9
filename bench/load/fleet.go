package load

import (
	"context"
	"errors"
	"sync"
)

// Fleet is pools that run at once, a thread each: one alone would be what limits
// a server that answers for less than sending and checking costs.
type Fleet []*Pool

// DialFleet opens as many connections, shared among so many pools.
func DialFleet(ctx context.Context, address string, connections, pools int) (Fleet, error) {
	var f Fleet
	for i := range pools {
		p, err := Dial(ctx, address, connections*(i+1)/pools-connections*i/pools)
		if err != nil {
			f.Close()
			return nil, err
		}
		f = append(f, p)
	}
	return f, nil
}

// Run plays the plan on all pools, each with a cycle of its own through the
// exchanges and its part of the rate. The first error of each is returned.
func (f Fleet) Run(ctx context.Context, exchanges []Exchange, plan Plan) (*Report, error) {
	reports, errs := make([]*Report, len(f)), make([]error, len(f))
	plan.Rate /= float64(len(f))
	var wg sync.WaitGroup
	for i, p := range f {
		cycle := NewCycle(exchanges, len(p.connections))
		cycle.next = len(exchanges) * i / len(f) // so that they are far apart
		mine := plan
		mine.Script = cycle
		wg.Go(func() { reports[i], errs[i] = p.Run(ctx, mine) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	sum := reports[0]
	for _, r := range reports[1:] {
		sum.Requests += r.Requests
		sum.Seconds = max(sum.Seconds, r.Seconds)
		sum.BodyBytes += r.BodyBytes
		sum.Late += r.Late
		sum.Latency.Merge(r.Latency)
	}
	return sum, nil
}

// Close closes all connections.
func (f Fleet) Close() {
	for _, p := range f {
		p.Close()
	}
}
