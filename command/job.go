package command

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

var (
	errJobTaken = api.Conflict.With("The job belongs to another owner.")
	errJobFinal = api.Conflict.With("The job is final already.")
)

// createJob gives a job, queued, to its owner.
func (s *Service) createJob(c *api.Call) error {
	var d events.JobCreated
	var hasJob, hasOwner bool
	scan, err := readObject(c, func(j *strictjson.Scanner, name string) bool {
		switch name {
		case "job_id":
			d.Job, hasJob = readOptionalID(j)
		case "owner_id":
			d.Owner, hasOwner = readOptionalID(j)
		default:
			return false
		}
		return true
	})
	if err != nil {
		return err
	}
	if err := finish(c, scan); err != nil {
		return err
	}
	if err := actAs(c, &d.Owner, hasOwner, "owner_id"); err != nil {
		return err
	}
	if !hasOwner {
		d.Owner = c.Caller.ID
	}
	if !hasJob {
		d.Job = mintJobID(c)
	}
	v, err := s.run(c, plan{
		kind: events.CreateJob, judged: true, privileged: c.Caller.Has(api.RoleService),
		check: func(state *readmodel.Snapshot) error {
			job, created, err := state.Job(d.Job)
			if err == nil && created && job.Owner != d.Owner {
				return errJobTaken
			}
			return err
		},
		write: func(w *entryWriter) int { w.add(events.TypeJobCreated, d); return 1 },
	})
	if err != nil {
		return err
	}
	if v.outcome.Count(readmodel.Conflict) > 0 {
		return errJobTaken
	}
	c.SetToken(v.token)
	c.Out = append(append(append(c.Out[:0], `{"job_id":"`...), d.Job.String()...), `","position":"`...)
	c.Out = append(append(c.Out, v.token.String()...), `"}`...)
	return c.JSON(http.StatusAccepted, c.Out)
}

// mintJobID names a job whose caller did not: by time, or the same one for
// each repeat of a command with a key.
func mintJobID(c *api.Call) events.JobID {
	if c.Key != "" {
		w := entryWriter{id: commandID(c)}
		return events.JobID(w.mint())
	}
	id, err := uuid.NewV7()
	if err != nil {
		return events.JobID(randomID())
	}
	return events.JobID(id)
}

// updateJob records a worker's report.
func (s *Service) updateJob(c *api.Call) error {
	job, err := pathID(c, "id")
	if err != nil {
		return err
	}
	r := newReport()
	r.d.Job = job
	scan, err := readObject(c, r.member)
	if err != nil {
		return err
	}
	r.finish(scan)
	if err := finish(c, scan); err != nil {
		return err
	}
	return s.accept(c, plan{
		kind: events.UpdateJob, privileged: true,
		write: func(w *entryWriter) int { w.add(events.TypeJobUpdated, r.d); return 1 },
	})
}

// updateJobs records many reports, all or none of them.
func (s *Service) updateJobs(c *api.Call) error {
	var updates []events.JobUpdated
	err := s.readList(c, "updates", func(j *strictjson.Scanner) { updates = append(updates, readUpdate(j)) })
	if err != nil {
		return err
	}
	v, err := s.run(c, plan{kind: events.UpdateJobs, framed: true, privileged: true, write: func(w *entryWriter) int {
		for i := range updates {
			w.add(events.TypeJobUpdated, updates[i])
		}
		return len(updates)
	}})
	if err != nil {
		return err
	}
	c.SetToken(v.token)
	c.Out = strconv.AppendInt(append(c.Out[:0], `{"accepted":`...), int64(len(updates)), 10)
	c.Out = append(append(append(c.Out, `,"position":"`...), v.token.String()...), `"}`...)
	return c.JSON(http.StatusAccepted, c.Out)
}

func readUpdate(j *strictjson.Scanner) events.JobUpdated {
	r := newReport()
	if !j.Object() {
		return r.d
	}
	hasJob := false
	for {
		name, ok := j.Member()
		if !ok {
			break
		}
		switch {
		case string(name) == "job_id":
			hasJob = true
			r.d.Job, _ = readID(j)
		case !r.member(j, string(name)):
			j.Unknown()
		}
	}
	if !hasJob {
		j.Missing("job_id")
	}
	r.finish(j)
	return r.d
}

// report reads the members of a job's update; null is the same as absent.
type report struct {
	d    events.JobUpdated
	said bool // something was said, if only the attempt
}

func newReport() *report { return &report{d: events.JobUpdated{Attempt: 1}} }

func (r *report) member(j *strictjson.Scanner, name string) bool {
	switch name {
	case "status", "progress", "result_url", "error", "attempt":
	default:
		return false
	}
	if j.Null() {
		return true
	}
	r.said = true
	switch name {
	case "status":
		r.status(j)
	case "progress":
		n, ok := j.Int(0, events.MaxProgress)
		r.set(ok, events.JobHasProgress)
		r.d.Progress = uint8(n)
	case "result_url":
		r.d.ResultURL = r.text(j, events.MaxResultURLBytes, events.JobHasResultURL)
	case "error":
		r.d.Error = r.text(j, events.MaxJobErrorBytes, events.JobHasError)
	case "attempt":
		if n, ok := j.Int(1, events.MaxAttempt); ok {
			r.d.Attempt = uint32(n)
		}
	}
	return true
}

func (r *report) set(ok bool, bit uint8) {
	if ok {
		r.d.Has |= bit
	}
}

func (r *report) status(j *strictjson.Scanner) {
	text, ok := j.String()
	if !ok {
		return
	}
	if r.d.Status, ok = events.ParseJobStatus(text); !ok {
		j.Fail("must be one of queued, processing, completed, failed")
	}
	r.set(ok, events.JobHasStatus)
}

func (r *report) text(j *strictjson.Scanner, limit int, bit uint8) []byte {
	text, ok := j.String()
	if ok && len(text) > limit {
		j.Fail(fmt.Sprintf("has %d bytes, at most %d are taken", len(text), limit))
		ok = false
	}
	r.set(ok, bit)
	return text
}

// finish refuses an update that changes nothing.
func (r *report) finish(j *strictjson.Scanner) {
	if !r.said {
		j.Fail("changes nothing: give a status, progress, result_url, error or attempt")
	}
}

// cancelJob ends a job for good.
func (s *Service) cancelJob(c *api.Call) error {
	job, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := noMembers(c); err != nil {
		return err
	}
	d, privileged := events.JobCancelled{Job: job}, c.Caller.Has(api.RoleAdmin)
	v, err := s.run(c, plan{
		kind: events.CancelJob, judged: true, privileged: privileged,
		check: func(state *readmodel.Snapshot) error {
			job, created, err := state.Job(d.Job)
			switch {
			case err != nil:
				return err
			case !created || !privileged && job.Owner != c.Caller.ID:
				return api.NotFound
			}
			return nil
		},
		write: func(w *entryWriter) int { w.add(events.TypeJobCancelled, d); return 1 },
	})
	switch {
	case err != nil:
		return err
	case v.outcome.Count(readmodel.NotFound) > 0:
		return api.NotFound
	case v.outcome.Count(readmodel.Conflict) > 0:
		return errJobFinal
	}
	return c.Accepted(v.token)
}
