package projector

import (
	"fmt"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// apply folds one event by its type. It fails with events.ErrRule for poison.
//
// Where a repeat would count twice, or would undo what came in between, it is folded
// once: the event's identity is remembered. All other types have a natural key in the
// state, and are folded always.
func (f *Fold) apply(e *events.Event) (readmodel.Effect, error) {
	switch e.Type {
	case events.TypeVideoPublished:
		return always(f, e, (*Fold).foldVideoPublished)
	case events.TypeVideoViewed:
		return once(f, e, (*Fold).foldVideoViewed)
	case events.TypeVideoLiked, events.TypeVideoUnliked:
		return always(f, e, (*Fold).foldLike)
	case events.TypeCommentCreated, events.TypeRemixCreated, events.TypeGlitchCreated:
		return always(f, e, (*Fold).foldItemCreated)
	case events.TypeCommentDeleted, events.TypeRemixDeleted, events.TypeGlitchDeleted:
		return always(f, e, (*Fold).foldItemDeleted)
	case events.TypeVideoDeleted, events.TypeVideoRestored:
		return once(f, e, (*Fold).foldVisibility)
	case events.TypeCounterBaseline:
		return once(f, e, (*Fold).foldBaseline)
	case events.TypeAccountBlocked, events.TypeAccountUnblocked:
		return once(f, e, (*Fold).foldAccount)
	case events.TypeUserBlocked, events.TypeUserUnblocked:
		return always(f, e, (*Fold).foldUserBlock)
	case events.TypeJobCreated:
		return always(f, e, (*Fold).foldJobCreated)
	case events.TypeJobUpdated:
		return once(f, e, (*Fold).foldJobUpdated)
	case events.TypeJobCancelled:
		return always(f, e, (*Fold).foldJobCancelled)
	case events.TypeNotificationSent:
		return always(f, e, (*Fold).foldNotificationSent)
	case events.TypeNotificationRead:
		return once(f, e, (*Fold).foldNotificationRead)
	case events.TypeDeadLetterRedriven, events.TypeDeadLetterDropped:
		return always(f, e, (*Fold).foldMark)
	case events.TypeDeadLetterOpened:
		return always(f, e, (*Fold).foldOpened)
	case events.TypeOperationRecorded:
		return always(f, e, (*Fold).foldOperation)
	}
	return readmodel.Poisoned, fmt.Errorf("%w: no fold for %v", events.ErrRule, e.Type)
}

// always folds an event's data.
func always[T events.Decodable[T]](f *Fold, e *events.Event, fold func(*Fold, *events.Event, T) (readmodel.Effect, error)) (readmodel.Effect, error) {
	d, err := events.Decode[T](e)
	if err != nil {
		return readmodel.Poisoned, err
	}
	return fold(f, e, d)
}

// once folds an event's data unless its identity was seen before. What turns
// out to be poison is not marked as seen.
func once[T events.Decodable[T]](f *Fold, e *events.Event, fold func(*Fold, *events.Event, T) (readmodel.Effect, error)) (readmodel.Effect, error) {
	d, err := events.Decode[T](e)
	if err != nil {
		return readmodel.Poisoned, err
	}
	if f.model.SeenBefore(e) {
		return readmodel.Duplicate, nil
	}
	effect, err := fold(f, e, d)
	if err == nil {
		f.model.MarkSeen(e)
	}
	return effect, err
}

func itemOf(t events.Type, d *events.VideoItem) readmodel.Item {
	return readmodel.Item{Video: d.Video, Kind: t.ItemCounter(), ID: d.Item}
}

func whenOf(e *events.Event) readmodel.When {
	return readmodel.When{Time: e.Time, Arrival: e.Arrival}
}

func (f *Fold) foldVideoPublished(_ *events.Event, d events.VideoPublished) (readmodel.Effect, error) {
	return f.model.PublishVideo(d.Video, d.Author), nil
}

func (f *Fold) foldVideoViewed(e *events.Event, d events.VideoViewed) (readmodel.Effect, error) {
	return f.model.AddView(d.Video, e.Time), nil
}

func (f *Fold) foldLike(e *events.Event, d events.VideoLike) (readmodel.Effect, error) {
	return f.model.SetLike(d, whenOf(e), e.Type == events.TypeVideoLiked), nil
}

func (f *Fold) foldItemCreated(e *events.Event, d events.VideoItem) (readmodel.Effect, error) {
	return f.model.CreateItem(itemOf(e.Type, &d), d.Author), nil
}

// foldItemDeleted judges a caller's command: only what was seen can be deleted,
// and by its author or a privileged caller only. An event is taken at its word.
func (f *Fold) foldItemDeleted(e *events.Event, d events.VideoItem) (readmodel.Effect, error) {
	i := itemOf(e.Type, &d)
	if c := f.command.Command; c != nil && c.Kind == events.DeleteItem {
		switch state := f.model.ItemState(i); {
		case !state.Created && !state.Deleted:
			return readmodel.NotFound, nil
		case !c.Privileged && state.Author != c.Actor:
			return readmodel.Forbidden, nil
		}
	}
	return f.model.DeleteItem(i, d.Author), nil
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

func (f *Fold) foldUserBlock(e *events.Event, d events.UserBlock) (readmodel.Effect, error) {
	return f.model.SetBlock(d, whenOf(e), e.Type == events.TypeUserBlocked), nil
}

func (f *Fold) foldBaseline(_ *events.Event, d events.CounterBaseline) (readmodel.Effect, error) {
	return f.model.SetBaseline(d)
}

func (f *Fold) foldJobCreated(e *events.Event, d events.JobCreated) (readmodel.Effect, error) {
	return f.model.CreateJob(d, e.Time), nil
}

func (f *Fold) foldJobUpdated(e *events.Event, d events.JobUpdated) (readmodel.Effect, error) {
	return f.model.UpdateJob(&d, e.Time), nil
}

// foldJobCancelled judges a caller's command by the state that it meets.
func (f *Fold) foldJobCancelled(e *events.Event, d events.JobCancelled) (readmodel.Effect, error) {
	if c := f.command.Command; c != nil {
		return f.model.CancelJob(d.Job, c.Actor, c.Privileged, e.Time), nil
	}
	return f.model.CancelJob(d.Job, events.UserID{}, true, e.Time), nil
}

func (f *Fold) foldNotificationSent(e *events.Event, d events.NotificationSent) (readmodel.Effect, error) {
	return f.model.SendNotification(&d, e.Time), nil
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
