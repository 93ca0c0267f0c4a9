package oracle

import "slices"

// Job is an AI job. Updates that came before it was created are kept for it.
type Job struct {
	Created, Cancelled bool
	Owner              ID
	Status             string
	Progress           int
	Attempt            int64
	ResultURL, Error   *string
	CreatedAt          int64
	UpdatedAt          int64
	CreatedBy          Pos
	touched            bool
}

// statusOrder is the way that a job takes.
var statusOrder = []string{"queued", "processing", "completed", "failed"}

func (j *Job) final() bool { return j.Status == "completed" || j.Status == "failed" }

func (s *State) job(id ID) *Job {
	if s.Jobs[id] == nil {
		s.Jobs[id] = &Job{Status: "queued", Attempt: 1}
	}
	return s.Jobs[id]
}

// touch notes the time of an event that changed the job.
func (j *Job) touch(at int64) {
	if !j.touched || at > j.UpdatedAt {
		j.UpdatedAt = at
	}
	j.touched = true
}

func (s *State) createJob(e *Event, at Pos) string {
	j := s.job(e.Job)
	switch {
	case j.Created && j.Owner != e.User:
		return conflict
	case j.Created:
		return duplicate
	}
	j.Created, j.Owner, j.CreatedAt, j.CreatedBy = true, e.User, e.Time, at
	j.touch(e.Time)
	return applied
}

// updateJob: within an attempt nothing goes back and a final status stays; a
// higher attempt supersedes a lower one that is not completed.
func (s *State) updateJob(e *Event) string {
	j := s.job(e.Job)
	if j.Cancelled || e.Attempt < j.Attempt {
		return superseded
	}
	before := *j
	if e.Attempt > j.Attempt {
		if j.Status == "completed" {
			return superseded
		}
		j.Attempt, j.Status, j.Progress, j.ResultURL, j.Error = e.Attempt, "queued", 0, nil, nil
	} else if j.final() {
		return superseded
	}
	if e.Progress != nil && *e.Progress > j.Progress {
		j.Progress = *e.Progress
	}
	if e.Status != "" && slices.Index(statusOrder, e.Status) > slices.Index(statusOrder, j.Status) {
		j.Status = e.Status
	}
	if j.Status == "completed" {
		j.Progress = 100
	}
	if e.ResultURL != nil {
		j.ResultURL = e.ResultURL
	}
	if e.Error != nil {
		j.Error = e.Error
	}
	if before.touched && j.Attempt == before.Attempt && j.Status == before.Status && j.Progress == before.Progress &&
		same(j.ResultURL, before.ResultURL) && same(j.Error, before.Error) {
		return duplicate
	}
	j.touch(e.Time)
	return applied
}

func same(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// cancelJob: the owner or a privileged caller ends a job that is not final.
func (s *State) cancelJob(r *run, e *Event) string {
	j := s.job(e.Job)
	if !j.Created || r.command != nil && !r.command.Privileged && r.command.Actor != j.Owner {
		return notFound
	}
	if j.final() {
		return conflict
	}
	cancelled := "cancelled"
	j.Cancelled, j.Status, j.Error = true, "failed", &cancelled
	j.touch(e.Time)
	return applied
}

// JobsOf lists an owner's jobs, newest first.
func (s *State) JobsOf(owner ID) (list []ID) {
	for id, j := range s.Jobs {
		if j.Created && j.Owner == owner {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, func(a, b ID) int {
		x, y := s.Jobs[a], s.Jobs[b]
		return newestFirst(x.CreatedAt, x.CreatedBy, y.CreatedAt, y.CreatedBy)
	})
	return list
}

// newestFirst orders by time and then by place in the log.
func newestFirst(ta int64, a Pos, tb int64, b Pos) int {
	if ta > tb || ta == tb && b.before(a) {
		return -1
	}
	return 1
}
