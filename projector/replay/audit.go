package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Who asked for a run is in the audit before the run does anything, or it is not
// begun. What came of one that may change or judges the serving model follows in a
// second entry when it has come: an entry that says that a model serves is there only
// where it does. A process that dies in between leaves a run that has begun, and the
// next one, which knows of it, writes how it ended or goes on with it.

// What is audited beside runs.
const (
	KindExport Kind = "export" // read the log, page by page
	KindCancel Kind = "cancel" // end a run
	KindShow   Kind = "show"   // read a dead letter, with what it holds
)

// actions are what the kinds are called in the audit.
var actions = map[Kind]events.CommandKind{
	KindRebuild: events.RebuildReadModel, KindSwitch: events.SwitchReadModel, KindRollback: events.RollBackReadModel,
	KindDiscard: events.DiscardReadModel, KindRepair: events.RepairReadModel, KindVerify: events.VerifyReadModel,
	KindExplain: events.ExplainCounts, KindAt: events.LookBack, KindDiff: events.CompareCounts, KindReport: events.ReportCounts,
	KindExport: events.ExportLog, KindCancel: events.CancelRun, KindShow: events.ShowDeadLetter,
}

// ErrAudit is returned where something is not begun because the audit cannot be
// written.
var ErrAudit = errors.New("nothing was begun, since the audit cannot be written")

// Action is an entry of the audit: a run that begins or has ended, the end of one
// that is asked for, or a look at the log itself.
type Action struct {
	Order
	Kind Kind
	Run  RunID
	// State is StateRunning for a run that begins and is to have a second entry, and
	// how it ended in that. It is empty where one entry is all.
	State State
	// Detail says in a sentence what came of it, and CancelledBy who ended it.
	Detail, CancelledBy string
}

// Command returns what the action is called in the log.
func (a *Action) Command() (events.CommandKind, error) {
	kind, ok := actions[a.Kind]
	if !ok {
		return 0, fmt.Errorf("record a run for the audit: %q is no kind that is audited", a.Kind)
	}
	return kind, nil
}

// Audited is what an entry of the audit says of a run.
type Audited struct {
	Run         RunID           `json:"run_id,omitempty"`
	State       string          `json:"state,omitempty"`
	Request     json.RawMessage `json:"request,omitempty"`
	Detail      string          `json:"detail,omitempty"`
	CancelledBy string          `json:"cancelled_by,omitempty"`
}

// Of what is asked for and of what came of it so many bytes of JSON are kept, of which
// an entry holds both.
const (
	auditedRequest = 2048
	auditedDetail  = 1000
)

// auditedBegun is the state of a run that begins.
const auditedBegun = "begun"

// Outcome is what the entry says.
func (a *Action) Outcome() Audited {
	o := Audited{Run: a.Run, State: string(a.State), CancelledBy: a.CancelledBy}
	o.Detail = cut(a.Detail, auditedDetail)
	switch a.State {
	case StateRunning:
		o.State = auditedBegun
	case "":
	default:
		return o
	}
	if request, err := json.Marshal(a.asked); err == nil && a.asked != nil {
		if o.Request = request; len(request) > auditedRequest {
			o.Request = json.RawMessage(`"too long to be kept"`)
		}
	}
	return o
}

// cut returns the beginning of a text that takes so many bytes of JSON at the most, of
// which a byte of text may take six.
func cut(text string, bytes int) string {
	for text = text[:min(len(text), bytes)]; ; {
		text = strings.ToValidUTF8(text, "")
		b, _ := json.Marshal(text) // a string never fails
		over := len(b) - len(`""`) - bytes
		if over <= 0 {
			return text
		}
		text = text[:len(text)-(over+5)/6]
	}
}

// Asking is the order with what is asked for, and the videos, jobs or users that it
// is about.
func (o Order) Asking(what any, about ...[16]byte) Order {
	o.asked, o.Targets = what, about
	return o
}

// audited reports whether a run leaves entries in the audit. What changes nothing does
// if somebody asked for it: a scrub is the service's own.
func audited(kind Kind, o *Order) bool {
	_, known := actions[kind]
	return known && (slices.Contains(changes, kind) || o.Actor != "")
}

// auditSeen bounds how long an entry is waited for to be in the audit that is shown. It
// is in the log by then.
const auditSeen = 2 * time.Second

// audit writes an entry, and waits until whoever looks finds it.
func (r *Runs) audit(ctx context.Context, a Action) error {
	at, err := r.cfg.Audit(ctx, a)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAudit, err)
	}
	if r.cfg.Projector != nil {
		ctx, cancel := context.WithTimeout(ctx, auditSeen)
		defer cancel()
		_ = r.cfg.Projector.WaitFor(ctx, at) // it will be folded
	}
	return nil
}

// auditBegin writes that a run begins. One that is gone on with has begun already.
func (r *Runs) auditBegin(ctx context.Context, begins *run) error {
	if begins.Order.resumes != "" || !audited(begins.Kind, &begins.Order) {
		return nil
	}
	a := Action{Order: begins.Order, Kind: begins.Kind, Run: begins.ID}
	if !slices.Contains(looks, begins.Kind) {
		a.State = StateRunning
	}
	return r.audit(ctx, a)
}

// auditEnd writes what came of a run, and notes where that is still to be done.
func (r *Runs) auditEnd(ctx context.Context, ended *Run, cancelledBy string) {
	if !r.owes(ended.ID) {
		return
	}
	a := Action{Order: ended.Order, Kind: ended.Kind, Run: ended.ID, State: ended.State, CancelledBy: cancelledBy}
	if repaired, ok := ended.Result.(*RepairResult); ok {
		a.Targets = repaired.Targets
	}
	a.Detail = outcomeOf(ended.Kind, ended.Result)
	if ended.Error != "" {
		a.Detail = strings.TrimPrefix(a.Detail+"; "+ended.Error, "; ")
	}
	if err := r.audit(ctx, a); err != nil {
		r.cfg.Logger.Warn("what came of a run is not in the audit yet: the next start writes it", "run", string(ended.ID), "error", err)
		return
	}
	r.settled(ended.ID)
}

// owes reports whether the audit is to be told what came of a run.
func (r *Runs) owes(id RunID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.owed, id)
}

// settled notes that the audit says what came of a run.
func (r *Runs) settled(id RunID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owed = slices.DeleteFunc(r.owed, func(o RunID) bool { return o == id })
}

// settleAudit writes what came of the runs of the process before that are not gone on
// with.
func (r *Runs) settleAudit(ctx context.Context) {
	if r.cfg.Projector == nil {
		return
	}
	ended := r.unsettled()
	if len(ended) == 0 {
		return
	}
	for i := range ended {
		begun, told, err := r.inAudit(&ended[i])
		switch {
		case err != nil:
			r.cfg.Logger.Warn("the audit cannot be read", "error", err)
			return
		case begun && !told:
			r.auditEnd(ctx, &ended[i], "")
			continue
		}
		r.settled(ended[i].ID)
	}
	if err := r.writeLedger(); err != nil {
		r.cfg.Logger.Warn("that the audit is complete will not be remembered", "error", err)
	}
}

// unsettled are the runs of the process before of which the audit is to be told what
// came of them. One that is forgotten is not among them.
func (r *Runs) unsettled() (ended []Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owed = slices.DeleteFunc(r.owed, func(id RunID) bool {
		one, err := r.find(id)
		if err == nil && one.State != StateRunning {
			ended = append(ended, one.Run)
		}
		return err != nil
	})
	return ended
}

// auditLookBack is how many entries of a kind are looked through for those of a run:
// so many runs of one kind end between its beginning and the next start at the most.
const auditLookBack = 4 * keptRuns

// inAudit reports whether the audit says of a run that it began, and what came of it.
func (r *Runs) inAudit(of *Run) (begun, told bool, err error) {
	err = r.cfg.Projector.Read(func(s *readmodel.Snapshot) error {
		list, err := s.AuditLog(readmodel.AuditFilter{Action: actions[of.Kind]}, events.Position{}, auditLookBack)
		for i := range list {
			var a Audited
			if json.Unmarshal(list[i].Outcome, &a) != nil || a.Run != of.ID {
				continue
			}
			begun, told = begun || a.State == auditedBegun, told || a.State != auditedBegun
		}
		return err
	})
	return begun, told, err
}

// outcomeOf says in a sentence what came of a run; nothing where nothing came of it.
func outcomeOf(kind Kind, result any) string {
	type teller interface{ outcome() string }
	if t, ok := result.(teller); ok {
		return t.outcome()
	}
	var t teller // of an earlier process
	switch kind {
	case KindRebuild, KindSwitch, KindRollback:
		t = new(RebuildResult)
	case KindDiscard:
		t = new(DiscardResult)
	case KindVerify:
		t = new(VerifyResult)
	case KindRepair:
		t = new(RepairResult)
	default:
		return ""
	}
	b, err := json.Marshal(result)
	if result == nil || err != nil || json.Unmarshal(b, t) != nil {
		return ""
	}
	return t.outcome()
}

func (r *RebuildResult) outcome() string {
	how := "accepted although it differs"
	if r.Equal {
		how = "equal"
	}
	if r.At != (events.Position{}) {
		how = fmt.Sprintf("%s at %v", how, r.At)
	}
	switch {
	case r.Switched:
		return fmt.Sprintf("%s serves in place of %s: %s", r.Model, r.Replaced, how)
	case r.NextStart:
		return fmt.Sprintf("%s serves from the next start on: %s", r.Model, how)
	case r.Differences != nil:
		return fmt.Sprintf("%s differs in %d keys and does not serve", r.Model, r.Differences.Count)
	case r.Equal:
		return fmt.Sprintf("%s does not serve: %s", r.Model, how)
	}
	return ""
}

func (r *DiscardResult) outcome() string {
	if r.Previous {
		return r.Model + " is given up, and with it the way back: what serves goes on serving"
	}
	return r.Model + " is given up: what serves goes on serving"
}

func (r *VerifyResult) outcome() string {
	if r.Last == 0 {
		return "" // it ended before it had compared
	}
	return r.said("keys differ from")
}

func (r *VerifyResult) said(what string) string {
	said := fmt.Sprintf("%d %s messages %d to %d", r.Differences.Count, what, r.First, r.Last)
	if d := r.Differences.Keys; len(d) > 0 {
		said += fmt.Sprintf(", the first is %s %s", d[0].Kind, d[0].ID)
	}
	if r.Archive != nil {
		said += fmt.Sprintf("; %d rows of the archive differ from the log", r.Archive.Count)
	}
	return said
}

func (r *RepairResult) outcome() string {
	if r.Repaired == 0 {
		return r.VerifyResult.outcome()
	}
	said := fmt.Sprintf("%d keys written anew; %s", r.Repaired, r.said("keys differed from"))
	if r.MoreTargets {
		said += fmt.Sprintf("; %d of the targets are named", len(r.Targets))
	}
	return said
}
