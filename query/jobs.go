package query

import (
	"strconv"
	"strings"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/api/idlist"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// jobStatuses answers POST /v1/ai/jobs/batch-status. Jobs of others are left
// out like those that do not exist, so that nobody learns which do.
func (s *Service) jobStatuses(c *api.Call) error {
	list, err := readIDs[events.JobID](c, "job_ids", s.maxBatch)
	if err != nil {
		return err
	}
	snapshot, err := s.settled(c)
	if err != nil {
		return err
	}
	defer snapshot.Release()
	all := c.Caller.Has(api.RoleService) || c.Caller.Has(api.RoleAdmin)
	jobs := make([]*readmodel.Job, len(list.IDs))
	for i, id := range list.IDs {
		j, ok, err := snapshot.Job(id)
		if err != nil {
			return err
		}
		if ok && (all || j.Owner == c.Caller.ID) {
			jobs[i] = &j
		}
	}
	out := append(c.Out, `{"jobs":{`...)
	comma := false
	for i := range list.Entries {
		e := &list.Entries[i]
		if jobs[e.ID] == nil {
			continue
		}
		out = appendKey(out, &comma, &e.Text)
		out = append(appendJob(append(out, '{'), jobs[e.ID]), '}')
	}
	c.Out = append(out, `}}`...)
	return c.Answer(c.Out)
}

// appendKey appends a comma, but for the first, and an entry's key with its colon.
func appendKey(dst []byte, comma *bool, key *idlist.Spelling) []byte {
	if *comma {
		dst = append(dst, ',')
	}
	*comma = true
	return append(append(append(dst, '"'), key[:]...), '"', ':')
}

// appendJob appends the four fields of a job's state.
func appendJob(dst []byte, j *readmodel.Job) []byte {
	dst = append(append(append(dst, `"status":"`...), j.Status.String()...), `","progress":`...)
	dst = strconv.AppendUint(dst, uint64(j.Progress), 10)
	dst = appendOptional(append(dst, `,"result_url":`...), j.ResultURL)
	return appendOptional(append(dst, `,"error":`...), j.Error)
}

// listJobs answers GET /v1/ai/jobs: the caller's own, newest first.
func (s *Service) listJobs(c *api.Call) error {
	var values [3]param
	if err := readParams(c, values[:], "status", "limit", "cursor"); err != nil {
		return err
	}
	statuses, filter, err := readStatuses(values[0])
	if err != nil {
		return err
	}
	p, err := s.readPage(c, listOfJobs, filter, values[1], values[2])
	if err != nil {
		return err
	}
	snapshot, err := s.settled(c)
	if err != nil {
		return err
	}
	defer snapshot.Release()
	jobs, err := snapshot.Jobs(c.Caller.ID, statuses, readmodel.JobPage{CreatedAt: p.after.time, Created: p.after.at}, p.limit+1)
	if err != nil {
		return err
	}
	out := appendPage(append(c.Out, '{'), "jobs", jobs, p.limit, appendListedJob)
	out = s.appendNextCursor(out, &p, len(jobs), func(i int) place {
		at := jobs[i].Page()
		return place{at.CreatedAt, at.Created}
	})
	c.Out = append(out, '}')
	return c.Answer(c.Out)
}

func appendListedJob(dst []byte, j *readmodel.Job) []byte {
	dst = j.ID.AppendTo(append(dst, `{"job_id":"`...))
	dst = appendJob(append(dst, `",`...), j)
	dst = strconv.AppendUint(append(dst, `,"attempt":`...), uint64(j.Attempt), 10)
	dst = j.CreatedAt.AppendTo(append(dst, `,"created_at":"`...))
	dst = j.UpdatedAt.AppendTo(append(dst, `","updated_at":"`...))
	return append(dst, `"}`...)
}

// readStatuses reads a set of statuses, separated by commas; all of them where
// none is given. filter names the set whatever the order in which it was said.
func readStatuses(p param) (statuses []events.JobStatus, filter string, err error) {
	var set [events.JobFailed + 1]bool
	if p.given {
		for text := range strings.SplitSeq(p.text, ",") {
			status, ok := events.ParseJobStatus(text)
			if !ok {
				return nil, "", badParam("status", "lists some of queued, processing, completed, failed, separated by commas")
			}
			set[status] = true
		}
	}
	for status := events.JobQueued; status <= events.JobFailed; status++ {
		if !p.given || set[status] {
			statuses = append(statuses, status)
			filter += status.String() + ","
		}
	}
	return statuses, filter, nil
}
