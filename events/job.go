package events

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// JobStatus is how far an AI job is.
type JobStatus uint8

// The statuses, in the order in which a job passes through them.
const (
	JobQueued JobStatus = iota + 1
	JobProcessing
	JobCompleted
	JobFailed
)

var jobStatusNames = [...]string{"", "queued", "processing", "completed", "failed"}

// ParseJobStatus finds the status of that name.
func ParseJobStatus[T string | []byte](name T) (JobStatus, bool) {
	for s := JobQueued; s <= JobFailed; s++ {
		if jobStatusNames[s] == string(name) {
			return s, true
		}
	}
	return 0, false
}

// String returns the status's name.
func (s JobStatus) String() string {
	if s < JobQueued || s > JobFailed {
		return fmt.Sprintf("status %d", uint8(s))
	}
	return jobStatusNames[s]
}

// Final reports whether the status is one that an attempt does not leave.
func (s JobStatus) Final() bool { return s == JobCompleted || s == JobFailed }

// JobCreated: the job exists and belongs to its owner.
type JobCreated struct {
	Job   JobID
	Owner UserID
}

// JobCancelled: the owner or an administrator ended the job for good.
type JobCancelled struct {
	Job JobID
}

// Members of JobUpdated that may be absent.
const (
	JobHasStatus uint8 = 1 << iota
	JobHasProgress
	JobHasResultURL
	JobHasError
	jobHasAll = JobHasStatus | JobHasProgress | JobHasResultURL | JobHasError
)

// JobUpdated is a worker's report on one attempt of a job.
type JobUpdated struct {
	Job JobID
	// Attempt counts from 1.
	Attempt uint32
	// Has says which of the members below are there (JobHasStatus …).
	Has       uint8
	Status    JobStatus
	Progress  uint8 // 0 to 100
	ResultURL []byte
	Error     []byte
}

func (d JobCreated) appendTo(b []byte) []byte {
	return append(append(b, d.Job[:]...), d.Owner[:]...)
}

func (JobCreated) decode(data []byte) (d JobCreated, err error) {
	r := reader{rest: data}
	r.id((*[16]byte)(&d.Job))
	r.id((*[16]byte)(&d.Owner))
	return d, r.end()
}

func (d JobCancelled) appendTo(b []byte) []byte { return append(b, d.Job[:]...) }

func (JobCancelled) decode(data []byte) (d JobCancelled, err error) {
	r := reader{rest: data}
	r.id((*[16]byte)(&d.Job))
	return d, r.end()
}

func (d JobUpdated) appendTo(b []byte) []byte {
	b = append(b, d.Job[:]...)
	b = binary.BigEndian.AppendUint32(b, d.Attempt)
	b = append(b, d.Has, byte(d.Status), d.Progress)
	return appendText(appendText(b, d.ResultURL), d.Error)
}

func (JobUpdated) decode(data []byte) (d JobUpdated, err error) {
	r := reader{rest: data}
	r.id((*[16]byte)(&d.Job))
	d.Attempt = r.uint32()
	d.Has, d.Status, d.Progress = r.uint8(), JobStatus(r.uint8()), r.uint8()
	d.ResultURL, d.Error = r.text(), r.text()
	if err := r.end(); err != nil {
		return d, err
	}
	switch {
	case d.Attempt < 1 || d.Attempt > MaxAttempt:
		return d, fmt.Errorf("%w: an attempt lies from 1 to %d", ErrRule, MaxAttempt)
	case d.Has&^jobHasAll != 0:
		return d, fmt.Errorf("%w: the job update has members that this version does not know", ErrRule)
	case d.Has&JobHasStatus != 0 && (d.Status < JobQueued || d.Status > JobFailed):
		return d, fmt.Errorf("%w: %v is no status of a job", ErrRule, d.Status)
	case d.Has&JobHasProgress != 0 && d.Progress > MaxProgress:
		return d, fmt.Errorf("%w: progress lies from 0 to %d", ErrRule, MaxProgress)
	case len(d.ResultURL) > MaxResultURLBytes || !utf8.Valid(d.ResultURL):
		return d, fmt.Errorf("%w: a result_url has up to %d bytes of UTF-8", ErrRule, MaxResultURLBytes)
	case len(d.Error) > MaxJobErrorBytes || !utf8.Valid(d.Error):
		return d, fmt.Errorf("%w: an error has up to %d bytes of UTF-8", ErrRule, MaxJobErrorBytes)
	}
	return d, nil
}
