package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/tidemark-io/tidemark/durable"
	"github.com/tidemark-io/tidemark/projector"
)

// Once makes one run of a request that is repeated, for at least a day and across
// restarts.
type Once struct {
	// Key says which request it is, and Request tells another under the same key
	// from it.
	Key, Request [16]byte
}

// ErrKeyReused is returned for a request under a key that another had.
var ErrKeyReused = errors.New("the key was used for another request")

// keptKeys is how long keys of requests are remembered: the 24 hours that callers are
// promised, and one to spare.
const keptKeys = 25 * time.Hour

// ledger is what outlives the process of its runs: a file, written anew when a run
// begins and when it ends.
type ledger struct {
	Runs []Run  `json:"runs"` // oldest first
	Keys []once `json:"keys,omitempty"`
	// Decides are of runs that are about to change which model serves.
	Decides []decision `json:"decides,omitempty"`
	// Owed are runs of which the audit is to be told what came of them.
	Owed []RunID `json:"owed,omitempty"`
}

// once is a request that began a run.
type once struct {
	Key     []byte    `json:"key"`
	Request []byte    `json:"request"`
	Run     RunID     `json:"run_id"`
	At      time.Time `json:"at"`
}

// errInterrupted is what became of a run whose process has ended before it.
var errInterrupted = errors.New("the service ended before the run did")

// ReadRuns reads from a file (Config.File) what a process remembered of its runs, newest
// first. What was under way is cancelled: the service has ended. Without a file
// there were none.
//
// What is about to change which model serves has done so where the names of the
// models say it.
func ReadRuns(file string, names projector.ModelNames) ([]Run, error) {
	l, err := readLedger(file, names)
	slices.Reverse(l.Runs)
	return l.Runs, err
}

func readLedger(file string, names projector.ModelNames) (l ledger, err error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	if err != nil {
		return ledger{}, fmt.Errorf("read what is remembered of runs: %w", err)
	}
	for i := range l.Runs {
		r := &l.Runs[i]
		if r.State == StateRunning && !l.decided(r, names) {
			r.State, r.Error = StateCancelled, errInterrupted.Error()
		}
		if r.Error == errInterrupted.Error() {
			r.err = errInterrupted
		}
	}
	return l, nil
}

// recall takes over what the process before remembered.
func (r *Runs) recall() {
	if r.cfg.File == "" {
		return
	}
	var names projector.ModelNames
	var unread error
	if r.cfg.Projector != nil {
		names, unread = r.cfg.Projector.Names()
	}
	l, err := readLedger(r.cfg.File, names)
	if err := errors.Join(err, unread); err != nil {
		r.cfg.Logger.Warn("runs of before are forgotten, or not known to the end", "error", err)
	}
	for _, before := range l.Runs {
		done := make(chan struct{})
		close(done)
		r.list = append(r.list, &run{Run: before, progress: metered(before.Progress, r.cfg.Now), cancel: func(error) {}, done: done})
	}
	r.keys, r.owed = l.Keys, l.Owed
}

const (
	// maxKeptResult bounds a result that outlives the process, and one that is kept until
	// its run is forgotten: an explanation may be long, and can be had again.
	maxKeptResult = 64 << 10
	// keptLong is how long a result is kept that takes more: who waits for it asks within
	// seconds.
	keptLong = 10 * time.Minute
	// keptNamed is how many keys or rows that differ a result goes on to name that takes
	// more: who decides on a model needs to know how many there are, and some of them.
	keptNamed = 50
)

// isLong reports whether a result takes more than maxKeptResult, or cannot be written.
func isLong(result any) bool {
	b, err := json.Marshal(result)
	return err != nil || len(b) > maxKeptResult
}

// brief is what is kept of a long result: one that tells differences, with the first of
// them, and nil for another. The result stays as it is.
func brief(result any) any {
	for named := keptNamed; ; named /= 2 {
		var kept any
		switch r := result.(type) {
		case *VerifyResult:
			kept = r.naming(named)
		case *RepairResult:
			less := *r
			less.VerifyResult = *r.naming(named)
			kept = &less
		case *RebuildResult:
			less := *r
			if r.Differences != nil {
				d := r.Differences.naming(named)
				less.Differences = &d
			}
			kept = &less
		default:
			return nil
		}
		switch {
		case !isLong(kept):
			return kept
		case named == 0:
			return nil
		}
	}
}

func (r *VerifyResult) naming(most int) *VerifyResult {
	less := *r
	less.Differences = r.Differences.naming(most)
	if r.Archive != nil {
		archive := *r.Archive
		archive.Differences = archive.Differences[:min(len(archive.Differences), most)]
		less.Archive = &archive
	}
	return &less
}

func (d Differences) naming(most int) Differences {
	d.Keys = d.Keys[:min(len(d.Keys), most)]
	return d
}

// shorten lets go of long results that nobody waits for any more. With the lock.
func (r *Runs) shorten() {
	for _, one := range r.list {
		if one.long && r.cfg.Now().Sub(*one.Ended) > keptLong {
			one.Result = one.brief
		}
	}
}

// remembered is what is to be remembered now.
func (r *Runs) remembered() (l ledger) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = slices.DeleteFunc(r.keys, func(o once) bool { return r.cfg.Now().Sub(o.At) > keptKeys })
	l = ledger{Runs: make([]Run, 0, len(r.list)), Keys: slices.Clone(r.keys), Owed: slices.Clone(r.owed)}
	for _, one := range r.list {
		kept := one.look()
		if one.final != nil {
			progress := kept.Progress
			kept = *one.final
			kept.Progress = progress
		} else if one.decides != nil {
			l.Decides = append(l.Decides, *one.decides)
		}
		if kept.long {
			kept.Result = kept.brief
		}
		l.Runs = append(l.Runs, kept)
	}
	return l
}

// writeLedger makes durable what is remembered. Who looks at runs meanwhile does not
// wait for the disk.
func (r *Runs) writeLedger() error {
	if r.cfg.File == "" {
		return nil
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	l := r.remembered()
	b, err := json.Marshal(&l)
	if err == nil {
		err = durable.WriteFile(r.cfg.File, b)
	}
	if err != nil {
		return fmt.Errorf("remember the runs: %w", err)
	}
	return nil
}

// Began returns the run that a request has begun already. It fails with ErrKeyReused
// where another request has its key.
func (r *Runs) Began(o *Once) (id RunID, found bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun(o)
}

func (r *Runs) begun(o *Once) (id RunID, found bool, err error) {
	if o == nil {
		return "", false, nil
	}
	for i := range r.keys {
		k := &r.keys[i]
		switch {
		case string(k.Key) != string(o.Key[:]) || r.cfg.Now().Sub(k.At) > keptKeys:
		case string(k.Request) != string(o.Request[:]):
			return "", true, ErrKeyReused
		default:
			return k.Run, true, nil
		}
	}
	return "", false, nil
}

// enter makes a run that has been admitted durable where a repeat must find it.
func (r *Runs) enter(started *run) error {
	o := started.Order.Once
	if o == nil && slices.Contains(looks, started.Kind) {
		return nil // it changes nothing, and can be asked for again
	}
	err := r.writeLedger()
	if err == nil {
		return nil
	}
	if o == nil {
		r.cfg.Logger.Warn("a run will not be remembered after a restart", "run", string(started.ID), "error", err)
		return nil
	}
	return err
}

// interrupted returns the ID of a rebuild that the process before did not get to the
// end of, and nothing for another, or one of which the audit has been told that it ended.
func (r *Runs) interrupted(id RunID) RunID {
	r.mu.Lock()
	defer r.mu.Unlock()
	one, err := r.find(id)
	if err != nil || !errors.Is(one.err, errInterrupted) || !slices.Contains(r.owed, id) {
		return ""
	}
	return id
}
