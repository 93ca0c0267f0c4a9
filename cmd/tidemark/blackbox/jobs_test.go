package blackbox

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestJobsAreCreatedQueued(t *testing.T) {
	t.Parallel()
	w := world(t)
	owner, service := w.user(), w.service()

	made := owner.post("/v1/ai/jobs", obj{}).want(202)
	if _, err := uuid.Parse(made.text("job_id")); err != nil {
		t.Errorf("job_id: %v", err)
	}
	owner.wantJob(made.text("job_id"), obj{"status": "queued"})

	chosen := newID()
	owner.post("/v1/ai/jobs", obj{"job_id": chosen}).want(202).has(obj{"job_id": chosen})
	owner.post("/v1/ai/jobs", obj{"job_id": chosen}).want(202).has(obj{"job_id": chosen})
	w.user().post("/v1/ai/jobs", obj{"job_id": chosen}).want(409)
	owner.wantJob(chosen, nil)

	given := service.post("/v1/ai/jobs", obj{"owner_id": owner.ID}).want(202).text("job_id")
	owner.wantJob(given, nil)

	owner.post("/v1/ai/jobs", obj{"owner_id": newID()}).want(403)
	if n := len(owner.pages("/v1/ai/jobs?limit=2", "jobs")); n != 3 {
		t.Errorf("the owner has %d jobs, want 3", n)
	}
}

func TestJobsAreSeenByTheirOwnerServicesAndAdmins(t *testing.T) {
	t.Parallel()
	w := world(t)
	owner, job, none := w.user(), "", newID()
	job = owner.createsJob()
	want := obj{"jobs": obj{job: obj{"status": "queued", "progress": 0, "result_url": nil, "error": nil}}}
	ids := obj{"job_ids": []string{job, none}}
	for _, caller := range []*Caller{owner, w.service(), w.admin()} {
		caller.post("/v1/ai/jobs/batch-status", ids).want(200).is(want)
	}
	w.user().post("/v1/ai/jobs/batch-status", ids).want(200).is(obj{"jobs": obj{}})

	upper := strings.ToUpper(job)
	answer := owner.post("/v1/ai/jobs/batch-status", obj{"job_ids": []string{job, upper}}).want(200)
	if jobs := answer.object()["jobs"].(obj); canonical(jobs[job]) != canonical(jobs[upper]) || jobs[upper] == nil {
		t.Errorf("two spellings: %v", jobs)
	}
}

func TestJobUpdates(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		updates []obj
		want    obj
	}{
		"progress goes on": {
			[]obj{{"status": "processing"}, {"progress": 30}, {"progress": 60}},
			obj{"status": "processing", "progress": 60},
		},
		"progress never goes back": {
			[]obj{{"status": "processing", "progress": 60}, {"progress": 30}},
			obj{"status": "processing", "progress": 60},
		},
		"completed sets progress 100": {
			[]obj{{"status": "processing", "progress": 60}, {"status": "completed", "result_url": "https://cdn.example.org/a.mp4"}},
			obj{"status": "completed", "progress": 100, "result_url": "https://cdn.example.org/a.mp4"},
		},
		"completed is final": {
			[]obj{{"status": "completed"}, {"status": "processing", "progress": 10}, {"status": "failed", "error": "late"}},
			obj{"status": "completed", "progress": 100},
		},
		"failed is final within its attempt": {
			[]obj{{"status": "failed", "error": "out of memory"}, {"status": "completed", "result_url": "https://x.example.org"}, {"progress": 99}},
			obj{"status": "failed", "error": "out of memory"},
		},
		"a repeat changes nothing": {
			[]obj{{"status": "processing", "progress": 10}, {"status": "processing", "progress": 10}},
			obj{"status": "processing", "progress": 10},
		},
		"a higher attempt supersedes a failed one and starts over": {
			[]obj{{"status": "processing", "progress": 80}, {"status": "failed", "error": "out of memory"}, {"status": "processing", "attempt": 2}},
			obj{"status": "processing"},
		},
		"a higher attempt supersedes one under way": {
			[]obj{{"status": "processing", "progress": 80, "result_url": "https://half.example.org"}, {"status": "processing", "progress": 5, "attempt": 3}},
			obj{"status": "processing", "progress": 5},
		},
		"a lower attempt is late": {
			[]obj{{"status": "processing", "progress": 5, "attempt": 2}, {"status": "completed"}, {"progress": 90, "attempt": 1}},
			obj{"status": "processing", "progress": 5},
		},
		"nothing supersedes a completed attempt": {
			[]obj{{"status": "completed"}, {"status": "processing", "attempt": 2}},
			obj{"status": "completed", "progress": 100},
		},
		"null is the same as absent": {
			[]obj{{"status": "processing", "progress": 10, "result_url": nil, "error": nil, "attempt": nil}},
			obj{"status": "processing", "progress": 10},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world(t)
			owner, worker := w.user(), w.service()
			one, many, early := owner.createsJob(), owner.createsJob(), newID()
			batch := make([]obj, len(test.updates))
			for i, update := range test.updates {
				worker.updatesJob(one, update)
				worker.updatesJob(early, update)
				batch[i] = obj{"job_id": many}
				for member, value := range update {
					batch[i][member] = value
				}
			}
			worker.post("/v1/ai/jobs/batch-update", obj{"updates": batch}).want(202).has(obj{"accepted": len(batch)})
			owner.wantJob(one, test.want)
			owner.wantJob(many, test.want)
			// Updates for a job that is not yet seen are kept for it.
			if seen := owner.seesJob(early); seen != nil {
				t.Errorf("a job that nobody created is seen: %v", seen)
			}
			owner.post("/v1/ai/jobs", obj{"job_id": early}).want(202)
			owner.wantJob(early, test.want)
		})
	}
}

func TestOnlyServicesUpdateJobs(t *testing.T) {
	t.Parallel()
	w := world(t)
	owner := w.user()
	job := owner.createsJob()
	for _, caller := range []*Caller{owner, w.admin()} {
		caller.patch("/v1/ai/jobs/"+job, obj{"status": "completed"}).want(403)
		caller.post("/v1/ai/jobs/batch-update", obj{"updates": []obj{{"job_id": job, "status": "completed"}}}).want(403)
	}
	owner.wantJob(job, nil)
}

func TestJobUpdatesThatAreWrong(t *testing.T) {
	t.Parallel()
	w := world(t)
	owner, worker := w.user(), w.service()
	job := owner.createsJob()
	for name, update := range map[string]string{
		"nothing to change":  `{}`,
		"only nulls":         `{"status":null,"progress":null}`,
		"unknown status":     `{"status":"done"}`,
		"status capitalised": `{"status":"Completed"}`,
		"progress 101":       `{"progress":101}`,
		"progress -1":        `{"progress":-1}`,
		"progress 1.5":       `{"progress":1.5}`,
		"progress as text":   `{"progress":"50"}`,
		"progress 1e400":     `{"progress":1e400}`,
		"progress 2^63":      `{"progress":9223372036854775808}`,
		"attempt 0":          `{"progress":1,"attempt":0}`,
		"attempt 2^63":       `{"progress":1,"attempt":9223372036854775808}`,
		"a long result_url":  `{"result_url":"https://x.example.org/` + strings.Repeat("a", 2048) + `"}`,
		"a long error":       `{"error":"` + strings.Repeat("é", 513) + `"}`,
		"unknown member":     `{"progress":1,"owner_id":"` + newID() + `"}`,
	} {
		if a := worker.patch("/v1/ai/jobs/"+job, update); a.Status != 422 {
			t.Errorf("%s: status %d, want 422: %s", name, a.Status, a.Body)
		}
	}
	batch := obj{"updates": []obj{{"job_id": job, "progress": 50}, {"job_id": job, "progress": 101}}}
	answer := worker.post("/v1/ai/jobs/batch-update", batch).want(422)
	if p := answer.problem(); len(p.Errors) != 1 || p.Errors[0].Pointer != "/updates/1/progress" {
		t.Errorf("errors %+v, want one at /updates/1/progress", p.Errors)
	}
	worker.post("/v1/ai/jobs/batch-update", obj{"updates": []obj{}}).want(422)
	worker.post("/v1/ai/jobs/batch-update", obj{"updates": []obj{{"job_id": job}}}).want(422)
	owner.wantJob(job, nil)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	cancelled := obj{"status": "failed", "error": "cancelled"}
	t.Run("by the owner, for good", func(t *testing.T) {
		w := world(t)
		owner, worker := w.user(), w.service()
		job := owner.createsJob()
		owner.post("/v1/ai/jobs/"+job+"/cancel", nil).wantOneOf(200, 202)
		owner.wantJob(job, cancelled)
		worker.updatesJob(job, obj{"status": "processing", "progress": 50, "attempt": 2})
		worker.updatesJob(job, obj{"status": "completed"})
		owner.wantJob(job, cancelled)
		owner.post("/v1/ai/jobs/"+job+"/cancel", nil).want(409)
	})
	t.Run("by an admin", func(t *testing.T) {
		w := world(t)
		owner := w.user()
		job := owner.createsJob()
		w.admin().post("/v1/ai/jobs/"+job+"/cancel", nil).wantOneOf(200, 202)
		owner.wantJob(job, cancelled)
	})
	t.Run("not by another", func(t *testing.T) {
		w := world(t)
		owner, worker := w.user(), w.service()
		job := owner.createsJob()
		w.user().post("/v1/ai/jobs/"+job+"/cancel", nil).want(404)
		worker.post("/v1/ai/jobs/"+job+"/cancel", nil).wantOneOf(403, 404)
		owner.post("/v1/ai/jobs/"+newID()+"/cancel", nil).want(404)
		owner.wantJob(job, nil)
	})
	t.Run("not once it is final", func(t *testing.T) {
		w := world(t)
		owner, worker := w.user(), w.service()
		for _, status := range []string{"completed", "failed"} {
			job := owner.createsJob()
			worker.updatesJob(job, obj{"status": status})
			before := owner.seesJob(job)
			owner.post("/v1/ai/jobs/"+job+"/cancel", nil).want(409)
			if after := owner.seesJob(job); canonical(before) != canonical(after) {
				t.Errorf("%s job after cancel: %v, want %v", status, after, before)
			}
		}
	})
}

func TestJobsListIsNewestFirstInPages(t *testing.T) {
	t.Parallel()
	w := world(t)
	owner, worker := w.user(), w.service()
	var ids []string
	for range 5 {
		ids = append(ids, owner.createsJob())
	}
	worker.updatesJob(ids[1], obj{"status": "processing", "progress": 7, "attempt": 2})
	worker.updatesJob(ids[3], obj{"status": "completed"})
	all := owner.pages("/v1/ai/jobs?limit=2", "jobs")
	wantColumn(t, all, "job_id", reversed(ids)...)
	second := all[3]
	for _, name := range []string{"created_at", "updated_at"} {
		wantTime(t, name, second[name])
		delete(second, name)
	}
	want := obj{"job_id": ids[1], "status": "processing", "progress": 7, "result_url": nil, "error": nil, "attempt": 2}
	if canonical(second) != canonical(want) {
		t.Errorf("listed as %s, want %s", canonical(second), canonical(want))
	}
	wantColumn(t, owner.pages("/v1/ai/jobs?status=queued,processing&limit=2", "jobs"), "job_id", ids[4], ids[2], ids[1], ids[0])
	wantColumn(t, owner.pages("/v1/ai/jobs?status=failed", "jobs"), "job_id")
	owner.get("/v1/ai/jobs?status=done").want(422)
	wantColumn(t, w.user().pages("/v1/ai/jobs?limit=200", "jobs"), "job_id")
}
