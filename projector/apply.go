package projector

import (
	"fmt"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// apply folds one event by its type. It fails with events.ErrRule for poison.
//
// Where a repeat would count twice, or would undo what came in between, the
// event's identity is remembered; all other types have a natural key in the
// state.
func (f *Fold) apply(e *events.Event) (readmodel.Effect, error) {
	switch e.Type {
	case events.TypeVideoPublished:
		d, err := events.Decode[events.VideoPublished](e)
		if err != nil {
			return readmodel.Poisoned, err
		}
		return f.model.PublishVideo(d.Video, d.Author), nil
	case events.TypeVideoViewed:
		d, err := events.Decode[events.VideoViewed](e)
		return once(f, e, d, err, (*Fold).foldVideoViewed)
	case events.TypeVideoLiked, events.TypeVideoUnliked:
		d, err := events.Decode[events.VideoLike](e)
		if err != nil {
			return readmodel.Poisoned, err
		}
		return f.model.SetLike(d, readmodel.When{Time: e.Time, Arrival: e.Arrival}, e.Type == events.TypeVideoLiked), nil
	case events.TypeCommentCreated, events.TypeRemixCreated, events.TypeGlitchCreated:
		d, err := events.Decode[events.VideoItem](e)
		if err != nil {
			return readmodel.Poisoned, err
		}
		return f.model.CreateItem(itemOf(e.Type, &d), d.Author), nil
	case events.TypeCommentDeleted, events.TypeRemixDeleted, events.TypeGlitchDeleted:
		d, err := events.Decode[events.VideoItem](e)
		if err != nil {
			return readmodel.Poisoned, err
		}
		return f.foldItemDeleted(itemOf(e.Type, &d), d.Author), nil
	case events.TypeVideoDeleted, events.TypeVideoRestored:
		d, err := events.Decode[events.VideoVisibility](e)
		return once(f, e, d, err, (*Fold).foldVisibility)
	case events.TypeCounterBaseline:
		d, err := events.Decode[events.CounterBaseline](e)
		return once(f, e, d, err, (*Fold).foldBaseline)
	case events.TypeAccountBlocked, events.TypeAccountUnblocked:
		d, err := events.Decode[events.AccountBlock](e)
		return once(f, e, d, err, (*Fold).foldAccount)
	case events.TypeUserBlocked, events.TypeUserUnblocked:
		d, err := events.Decode[events.UserBlock](e)
		if err != nil {
			return readmodel.Poisoned, err
		}
		return f.model.SetBlock(d, readmodel.When{Time: e.Time, Arrival: e.Arrival}, e.Type == events.TypeUserBlocked), nil
	case events.TypeJobCreated:
		d, err := events.Decode[events.JobCreated](e)
		if err != nil {
			return readmodel.Poisoned, err
		}
		return f.model.CreateJob(d, e.Time), nil
	case events.TypeJobUpdated:
		d, err := events.Decode[events.JobUpdated](e)
		return once(f, e, d, err, (*Fold).foldJobUpdated)
	case events.TypeJobCancelled:
		d, err := events.Decode[events.JobCancelled](e)
		if err != nil {
			return readmodel.Poisoned, err
		}
		return f.foldJobCancelled(d.Job, e.Time), nil
	case events.TypeNotificationSent:
		d, err := events.Decode[events.NotificationSent](e)
		if err != nil {
			return readmodel.Poisoned, err
		}
		return f.model.SendNotification(&d, e.Time), nil
	case events.TypeNotificationRead:
		d, err := events.Decode[events.NotificationRead](e)
		return once(f, e, d, err, (*Fold).foldNotificationRead)
	case events.TypeDeadLetterRedriven, events.TypeDeadLetterDropped:
		d, err := events.Decode[events.DeadLetterMark](e)
		if err != nil {
			return readmodel.Poisoned, err
		}
		return f.foldMark(e, d)
	case events.TypeDeadLetterOpened:
		d, err := events.Decode[events.DeadLetterOpened](e)
		if err != nil {
			return readmodel.Poisoned, err
		}
		return f.foldOpened(e, d)
	case events.TypeOperationRecorded:
		d, err := events.Decode[events.OperationRecorded](e)
		if err != nil {
			return readmodel.Poisoned, err
		}
		return f.foldOperation(e, d)
	}
	return readmodel.Poisoned, fmt.Errorf("%w: no fold for %v", events.ErrRule, e.Type)
}

// once folds a decoded event unless its identity was seen before. What turns
// out to be poison is not marked as seen.
func once[T any](f *Fold, e *events.Event, d T, err error, apply func(*Fold, *events.Event, T) (readmodel.Effect, error)) (readmodel.Effect, error) {
	if err != nil {
		return readmodel.Poisoned, err
	}
	if f.model.SeenBefore(e) {
		return readmodel.Duplicate, nil
	}
	effect, err := apply(f, e, d)
	if err == nil {
		f.model.MarkSeen(e)
	}
	return effect, err
}

func itemOf(t events.Type, d *events.VideoItem) readmodel.Item {
	return readmodel.Item{Video: d.Video, Kind: t.ItemCounter(), ID: d.Item}
}

func (f *Fold) foldVideoViewed(e *events.Event, d events.VideoViewed) (readmodel.Effect, error) {
	return f.model.AddView(d.Video, e.Time), nil
}

// foldItemDeleted judges a caller's command: only what was seen can be deleted,
// and by its author or a privileged caller only. An event is taken at its word.
func (f *Fold) foldItemDeleted(i readmodel.Item, author events.UserID) readmodel.Effect {
	if c := f.command.Command; c != nil && c.Kind == events.DeleteItem {
		switch state := f.model.ItemState(i); {
		case !state.Created && !state.Deleted:
			return readmodel.NotFound
		case !c.Privileged && state.Author != c.Actor:
			return readmodel.Forbidden
		}
	}
	return f.model.DeleteItem(i, author)
}

func (f *Fold) foldVisibility(e *events.Event, d events.VideoVisibility) (readmodel.Effect, error) {
	effect := f.model.SetDeleted(d.Video, e.Type == events.TypeVideoDeleted)
	kind := events.RestoreVideos
	if e.Type == events.TypeVideoDeleted {
		kind = events.DeleteVideos
	}
	f.target(e, kind, d.Video, d.Admin, d.Reason, effect)
	return effect, nil
}

func (f *Fold) foldAccount(e *events.Event, d events.AccountBlock) (readmodel.Effect, error) {
	if e.Type == events.TypeAccountUnblocked {
		effect := f.model.UnblockAccount(d.User)
		f.target(e, events.UnblockAccounts, d.User, d.Admin, d.Reason, effect)
		return effect, nil
	}
	effect := f.model.BlockAccount(d.User, d.Retract)
	f.command.retract = d.Retract
	f.target(e, events.BlockAccounts, d.User, d.Admin, d.Reason, effect)
	return effect, nil
}

// target notes for the audit what an administrator's event was about: as part
// of its command, or by itself where it came the bulk way.
func (f *Fold) target(e *events.Event, kind events.CommandKind, target [16]byte, admin events.UserID, reason []byte, effect readmodel.Effect) {
	if c := f.command.Command; c != nil && c.Kind.Moderates() {
		f.became(target, effect)
		return
	}
	f.audit(&readmodel.AuditEntry{
		At: e.Time, Actor: admin, Action: kind, Position: f.model.At(), Reason: reason,
		Targets: [][16]byte{target}, Effects: []readmodel.Effect{effect},
		Retract: kind == events.BlockAccounts && f.command.retract,
	})
}

func (f *Fold) foldBaseline(_ *events.Event, d events.CounterBaseline) (readmodel.Effect, error) {
	return f.model.SetBaseline(d)
}

func (f *Fold) foldJobUpdated(e *events.Event, d events.JobUpdated) (readmodel.Effect, error) {
	return f.model.UpdateJob(&d, e.Time), nil
}

// foldJobCancelled judges a caller's command by the state that it meets.
func (f *Fold) foldJobCancelled(job events.JobID, at events.Time) readmodel.Effect {
	if c := f.command.Command; c != nil {
		return f.model.CancelJob(job, c.Actor, c.Privileged, at)
	}
	return f.model.CancelJob(job, events.UserID{}, true, at)
}

func (f *Fold) foldNotificationRead(_ *events.Event, d events.NotificationRead) (readmodel.Effect, error) {
	result := f.model.MarkRead(&d)
	if f.command.Command != nil {
		f.command.outcome.Read = result
	}
	if result.Marked == 0 {
		return readmodel.None, nil
	}
	return readmodel.Applied, nil
}
