package reading

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/bench/world"
)

// stage is the servers that all reading scenarios share. They are started with
// the first scenario that runs, and filled once.
type stage struct {
	videos   world.Videos
	batches  map[int]*workload // by the number of IDs
	subjects []*subject
	stores   []*process.Server // behind the peers

	begun bool
	err   error // why they could not be started and filled
}

// ready starts the servers, once.
func (st *stage) ready(ctx context.Context, env *scenario.Env) error {
	if !st.begun {
		st.begun, st.err = true, st.start(ctx, env)
	}
	return st.err
}

func (st *stage) start(ctx context.Context, env *scenario.Env) error {
	st.videos = scenario.Pick[world.Videos](env, 1_000_000, 1_000_000, 10_000)
	st.batches = make(map[int]*workload)
	for _, ids := range batchSizes {
		st.batches[ids] = newWorkload(st.videos, ids)
	}
	for _, start := range []func(context.Context, *scenario.Env) error{st.startFloors, st.startTidemarks, st.startRedis, st.startPostgres} {
		if err := start(ctx, env); err != nil {
			return err
		}
	}
	return nil
}

func (st *stage) startFloors(ctx context.Context, env *scenario.Env) error {
	sizes := []string{fmt.Sprint(len(pollBody))}
	for _, ids := range batchSizes {
		sizes = append(sizes, fmt.Sprint(st.batches[ids].size))
	}
	for _, command := range []string{floorGin, floorPlain} {
		s := &subject{name: command, floor: true}
		if err := st.startPeer(ctx, env, s, command, "--size", strings.Join(sizes, ",")); err != nil {
			return err
		}
	}
	return nil
}

// startPeer starts a subject that is a command of the peers' program.
func (st *stage) startPeer(ctx context.Context, env *scenario.Env, s *subject, command string, args ...string) error {
	dir, err := env.TempDir(command)
	if err != nil {
		return err
	}
	if s.server, s.address, err = process.StartPeer(ctx, env.Peers, dir, env.GOGC, command, args...); err != nil {
		return err
	}
	st.subjects = append(st.subjects, s)
	return nil
}

func (st *stage) startTidemarks(ctx context.Context, env *scenario.Env) error {
	if err := st.startTidemark(ctx, env, tidemark, env.Tidemark); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(env.Also)) {
		if err := st.startTidemark(ctx, env, tidemark+"-"+name, env.Also[name]); err != nil {
			return err
		}
	}
	return nil
}

func (st *stage) startTidemark(ctx context.Context, env *scenario.Env, name, binary string) error {
	dir, err := env.TempDir(name)
	if err != nil {
		return err
	}
	t, err := process.StartTidemark(ctx, binary, dir, env.GOGC, env.Checkpoints()...)
	if err != nil {
		return err
	}
	st.subjects = append(st.subjects, &subject{name: name, address: t.Address, server: t.Server, tidemark: t})
	env.Logger.Info("filling", "subject", name, "videos", int(st.videos))
	return fill(ctx, env, t, st.videos)
}

// named returns the subjects with these names, those that are there.
func (st *stage) named(names ...string) []*subject {
	var found []*subject
	for _, s := range st.subjects {
		if slices.Contains(names, s.name) || s.tidemark != nil && slices.Contains(names, tidemark) {
			found = append(found, s)
		}
	}
	return found
}

// close stops all servers.
func (st *stage) close() error {
	var err error
	for _, s := range st.subjects {
		err = errors.Join(err, s.close())
	}
	for _, store := range st.stores {
		err = errors.Join(err, store.Stop())
	}
	st.subjects, st.stores = nil, nil
	return err
}
