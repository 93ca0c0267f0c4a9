package replay

import (
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// jobStory is what became of a job.
type jobStory struct {
	created, cancelled *record
	attempt            uint32
	began              *record // the update that began the attempt
	final              *record
	applied            []*record // of the attempt
}

func (t *teller) tellJob(e *events.Event, effect readmodel.Effect, r *record) {
	j := &t.job
	switch e.Type {
	case events.TypeJobCreated:
		if r.Counted {
			j.created = r
		} else {
			r.lose(r.Why, j.created)
		}
	case events.TypeJobCancelled:
		if r.Counted {
			j.cancelled, j.final = r, r
		} else if effect == readmodel.Conflict {
			r.lose(WhySuperseded, j.final)
		}
	case events.TypeJobUpdated:
		d, _ := events.Decode[events.JobUpdated](e) // it was decoded before
		t.tellJobUpdated(&d, effect, r)
	}
}

func (t *teller) tellJobUpdated(d *events.JobUpdated, effect readmodel.Effect, r *record) {
	j := &t.job
	switch {
	case effect == readmodel.Superseded && d.Attempt < j.attempt:
		r.lose(WhySuperseded, j.began)
		return
	case effect == readmodel.Superseded:
		r.lose(WhySuperseded, j.final)
		return
	case !r.Counted:
		if len(j.applied) > 0 {
			r.lose(r.Why, j.applied[len(j.applied)-1])
		}
		return
	case d.Attempt > j.attempt:
		for _, before := range j.applied {
			before.lose(WhySuperseded, r)
		}
		j.attempt, j.began, j.applied, j.final = d.Attempt, r, nil, nil
	}
	j.applied = append(j.applied, r)
	if d.Has&events.JobHasStatus != 0 && d.Status.Final() {
		j.final = r
	}
}
