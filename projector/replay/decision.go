package replay

import (
	"encoding/json"

	"github.com/tidemark-io/tidemark/projector"
)

// decision is what a run is about to change for good: which model serves, or whether
// one is there. It is remembered before that is done, so that a start after a crash
// can tell by the names of the models whether it was.
type decision struct {
	Run RunID `json:"run_id"`
	// Model is what will serve, or will be gone.
	Model string `json:"model"`
	// Result is what the run has come to so far.
	Result json.RawMessage `json:"result,omitempty"`
}

// decide remembers a decision before it is carried out. One that cannot be
// remembered is carried out all the same: only a crash within it would be told as
// if it had not been.
func (r *Runs) decide(id RunID, model string, result any) {
	b, err := json.Marshal(result)
	r.mu.Lock()
	one, unknown := r.find(id)
	if unknown == nil && err == nil {
		one.decides = &decision{id, model, b}
	}
	r.mu.Unlock()
	if err == nil && unknown == nil {
		err = r.writeLedger()
	}
	if err != nil {
		r.cfg.Logger.Warn("what a run is about to do will not be remembered if the service ends meanwhile", "run", string(id), "error", err)
	}
}

// decided tells what became of a run whose process has ended before it did: whether
// what it had decided was done. It returns false where it was not.
func (l *ledger) decided(r *Run, names projector.ModelNames) bool {
	for i := range l.Decides {
		d := &l.Decides[i]
		result := map[string]any{}
		if d.Run != r.ID || json.Unmarshal(d.Result, &result) != nil {
			continue
		}
		switch {
		case r.Kind == KindDiscard && (d.Model == names.Rebuilding || d.Model == names.Next || d.Model == names.Current):
			return false // it waits still, or the start has taken it
		case r.Kind == KindDiscard && result["previous"] == true && d.Model == names.Previous:
			return false
		case r.Kind == KindDiscard:
		case d.Model == names.Current:
			result["switched"], result["replaced"] = true, names.Previous
		case d.Model == names.Next:
			result["next_start"] = true
		default:
			return false
		}
		r.State, r.Result, r.Error = StateDone, result, ""
		return true
	}
	return false
}
