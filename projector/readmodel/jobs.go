package readmodel

import (
	"github.com/tidemark-io/tidemark/events"
)

// Job is what the log has said of an AI job.
type Job struct {
	ID events.JobID
	// Created is false while only updates have come: they are kept for it.
	Created   bool
	Cancelled bool // by its owner or an administrator, for good
	Owner     events.UserID
	Status    events.JobStatus
	Progress  uint8
	Attempt   uint32
	ResultURL []byte // nil if none
	Error     []byte // nil if none
	CreatedAt events.Time
	UpdatedAt events.Time
	created   events.Position
}

// CancelledError is the error that a cancelled job shows.
const CancelledError = "cancelled"

const (
	jobCreated = 1 << iota
	jobCancelled
	jobHasResult
	jobHasError
)

func newJob(id events.JobID) Job {
	return Job{ID: id, Status: events.JobQueued, Attempt: 1, UpdatedAt: events.MinTime}
}

func decodeJob(id events.JobID, value []byte) Job {
	f := fields(value)
	flags := f.byte()
	j := Job{
		ID: id, Created: flags&jobCreated != 0, Cancelled: flags&jobCancelled != 0,
		Owner: f.id(), Status: events.JobStatus(f.byte()), Progress: f.byte(), Attempt: f.uint32(),
		CreatedAt: f.time(), UpdatedAt: f.time(), created: f.position(),
	}
	if result := f.text(); flags&jobHasResult != 0 {
		j.ResultURL = result
	}
	if reason := f.text(); flags&jobHasError != 0 {
		j.Error = reason
	}
	return j
}

func (j *Job) encode() []byte {
	var flags byte
	for bit, set := range map[byte]bool{
		jobCreated: j.Created, jobCancelled: j.Cancelled, jobHasResult: j.ResultURL != nil, jobHasError: j.Error != nil,
	} {
		if set {
			flags |= bit
		}
	}
	return make(record, 0, 64+len(j.ResultURL)+len(j.Error)).byte(flags).
		id(j.Owner).byte(byte(j.Status)).byte(j.Progress).uint32(j.Attempt).
		time(j.CreatedAt).time(j.UpdatedAt).position(j.created).text(j.ResultURL).text(j.Error)
}

// listKey places a created job among its owner's of the same status, newest first.
func (j *Job) listKey() rowKey {
	return keyOf(rowJobOf).id(j.Owner).byte(byte(j.Status)).newest(j.CreatedAt, j.created)
}

func (m *Model) job(id events.JobID) (Job, bool) {
	value := m.rows.get(keyOf(rowJob).id(id))
	if value == nil {
		return newJob(id), false
	}
	return decodeJob(id, value), true
}

// saveJob writes a job and moves it among its owner's where its status changed.
func (m *Model) saveJob(old, next *Job) {
	m.rows.put(keyOf(rowJob).id(next.ID), next.encode())
	if old.Created && old.Status != next.Status {
		m.rows.put(old.listKey(), nil)
	}
	switch {
	case !next.Created:
	case !old.Created:
		// Its place names the event's position, so there is no such row yet.
		m.rows.add(next.listKey(), append([]byte{}, next.ID[:]...))
	case old.Status != next.Status:
		m.rows.put(next.listKey(), append([]byte{}, next.ID[:]...))
	}
}

// CreateJob gives a job to its owner. Updates that came before are kept.
func (m *Model) CreateJob(d events.JobCreated, at events.Time) Effect {
	old, _ := m.job(d.Job)
	if old.Created {
		if old.Owner != d.Owner {
			return Conflict
		}
		return Duplicate
	}
	next := old
	next.Created, next.Owner, next.CreatedAt, next.created = true, d.Owner, at, m.at
	next.UpdatedAt = max(next.UpdatedAt, at)
	m.saveJob(&old, &next)
	return Applied
}

// UpdateJob folds a worker's report. An attempt's progress and status never go
// back and completed and failed are final; a higher attempt supersedes a lower
// one that is not completed.
func (m *Model) UpdateJob(d *events.JobUpdated, at events.Time) Effect {
	old, seen := m.job(d.Job)
	next := old
	switch {
	case old.Cancelled, d.Attempt < old.Attempt, d.Attempt > old.Attempt && old.Status == events.JobCompleted:
		return Superseded
	case d.Attempt > old.Attempt:
		next.Attempt, next.Status, next.Progress = d.Attempt, events.JobQueued, 0
		next.ResultURL, next.Error = nil, nil
	case old.Status.Final():
		return Superseded
	}
	next.report(d)
	if seen && next.sameAs(&old) {
		return Duplicate
	}
	next.UpdatedAt = max(next.UpdatedAt, at)
	m.saveJob(&old, &next)
	return Applied
}

// report applies the members of an update to the attempt that it is about.
func (j *Job) report(d *events.JobUpdated) {
	if d.Has&events.JobHasProgress != 0 {
		j.Progress = max(j.Progress, d.Progress)
	}
	if d.Has&events.JobHasStatus != 0 {
		j.Status = max(j.Status, d.Status)
	}
	if j.Status == events.JobCompleted {
		j.Progress = events.MaxProgress
	}
	if d.Has&events.JobHasResultURL != 0 {
		j.ResultURL = append([]byte{}, d.ResultURL...)
	}
	if d.Has&events.JobHasError != 0 {
		j.Error = append([]byte{}, d.Error...)
	}
}

func (j *Job) sameAs(o *Job) bool {
	return j.Status == o.Status && j.Progress == o.Progress && j.Attempt == o.Attempt &&
		sameText(j.ResultURL, o.ResultURL) && sameText(j.Error, o.Error)
}

func sameText(a, b []byte) bool { return (a == nil) == (b == nil) && string(a) == string(b) }

// CancelJob ends a job for good. A job that is final already is a Conflict; one
// that the actor may not see is NotFound.
func (m *Model) CancelJob(id events.JobID, actor events.UserID, privileged bool, at events.Time) Effect {
	old, _ := m.job(id)
	switch {
	case !old.Created, !privileged && old.Owner != actor:
		return NotFound
	case old.Status.Final():
		return Conflict
	}
	next := old
	next.Cancelled, next.Status = true, events.JobFailed
	next.Error = []byte(CancelledError)
	next.UpdatedAt = max(next.UpdatedAt, at)
	m.saveJob(&old, &next)
	return Applied
}

// Job returns a job; ok is false while it has not been created.
func (s *Snapshot) Job(id events.JobID) (j Job, ok bool, err error) {
	value, err := s.rows.get(keyOf(rowJob).id(id))
	if value == nil || err != nil {
		return j, false, err
	}
	j = decodeJob(id, value)
	return j, j.Created, nil
}

// JobPage is a place in an owner's list of jobs; the zero page is the start.
type JobPage struct {
	CreatedAt events.Time
	Created   events.Position
}

// Page is the place right after the job.
func (j *Job) Page() JobPage { return JobPage{j.CreatedAt, j.created} }

// Jobs lists an owner's jobs of the given statuses, newest first, after the
// page, at most limit of them.
func (s *Snapshot) Jobs(owner events.UserID, statuses []events.JobStatus, after JobPage, limit int) ([]Job, error) {
	var lists [][]jobRef
	for _, status := range statuses {
		list, err := s.jobRefs(owner, status, after, limit)
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
	}
	jobs := make([]Job, 0, limit)
	for len(jobs) < limit {
		ref, ok := takeNewest(lists)
		if !ok {
			break
		}
		j, created, err := s.Job(ref.id)
		if err != nil {
			return nil, err
		}
		if created {
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

// jobRef is a job's place in its owner's order, comparable as text.
type jobRef struct {
	place string
	id    events.JobID
}

func (s *Snapshot) jobRefs(owner events.UserID, status events.JobStatus, after JobPage, limit int) (refs []jobRef, err error) {
	prefix := keyOf(rowJobOf).id(owner).byte(byte(status))
	from := prefix
	if after != (JobPage{}) {
		from = append(append(rowKey{}, prefix...).newest(after.CreatedAt, after.Created), 0)
	}
	err = s.rows.scan(prefix, from, func(key, value []byte) bool {
		refs = append(refs, jobRef{string(key[len(prefix):]), events.JobID(value)})
		return len(refs) < limit
	})
	return refs, err
}

// takeNewest removes and returns the newest head of lists that are each newest first.
func takeNewest(lists [][]jobRef) (newest jobRef, ok bool) {
	at := -1
	for i, list := range lists {
		if len(list) > 0 && (at < 0 || list[0].place < lists[at][0].place) {
			at = i
		}
	}
	if at < 0 {
		return newest, false
	}
	newest, lists[at] = lists[at][0], lists[at][1:]
	return newest, true
}
