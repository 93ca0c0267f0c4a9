package load

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-io/tidemark/internal/sleep"
)

// Kind is what a request of the workload is for; a report has a line for each.
type Kind string

// The kinds of requests.
const (
	KindPoll      Kind = "poll"       // batch-metadata for a page of videos
	KindView      Kind = "view"       // one view
	KindLike      Kind = "like"       // one like or unlike
	KindJob       Kind = "job"        // a job created or updated
	KindJobStatus Kind = "job-status" // batch-status for the job at hand
)

// Kinds are all kinds, in the order of a report.
var Kinds = []Kind{KindPoll, KindView, KindLike, KindJob, KindJobStatus}

// Workload is a mix of clients that run side by side for a while. Each sends
// one request after the other. Unless said otherwise each keeps to a schedule
// that does not wait for the service (an open loop): the latency of a request
// that had to wait for the one before is counted from when it was due, so that a
// service that stalls is charged for the requests it kept from being sent.
type Workload struct {
	Client *Client
	// Tokens returns a bearer token for a user; service asks for that role.
	Tokens func(user uuid.UUID, service bool) (string, error)
	// Duration is how long requests are sent; those under way are waited for.
	Duration time.Duration
	// Pollers, Viewers, Likers and Workers are how many clients there are.
	Pollers, Viewers, Likers, Workers int
	// Videos is how many videos there are, PageVideos how many a poll asks for.
	// Which ones is drawn by Zipf's law.
	Videos, PageVideos int
	// PollEvery, ViewEvery, LikeEvery and JobEvery are the pace of one client.
	PollEvery, ViewEvery, LikeEvery, JobEvery time.Duration
	// ClosedLoop lets each poller ask again as soon as it has its answer.
	ClosedLoop bool
	// Seed decides what is asked for, and the jobs' and users' IDs.
	Seed uint64
}

// actor is one client: what it asks next, and its pace.
type actor struct {
	next  func() request
	every time.Duration // 0: a closed loop
	phase time.Duration // from the start to the first request
	stats map[Kind]*kindStats
}

// kindStats is what one actor saw of a kind.
type kindStats struct {
	latency  histogram
	errors   map[string]uint64 // by status, or "no answer"
	sample   string
	requests uint64
}

// Run makes the videos known, plays the workload and reports what it saw. It
// ends by itself; when ctx ends first, the report covers what was done.
func (w *Workload) Run(ctx context.Context) (*WorkloadReport, error) {
	cast, err := w.cast()
	if err != nil {
		return nil, err
	}
	if err := w.publish(ctx); err != nil {
		return nil, fmt.Errorf("make the videos known: %w", err)
	}
	cpuBefore, cpuKnown := w.Client.serverCPU(ctx)
	start := time.Now()
	var wait sync.WaitGroup
	unsent := make([]uint64, len(cast))
	for i, a := range cast {
		wait.Go(func() { unsent[i] = a.play(ctx, w.Client, start, start.Add(w.Duration)) })
	}
	wait.Wait()
	report := newWorkloadReport(time.Since(start))
	for i, a := range cast {
		report.add(a, unsent[i])
	}
	report.finish()
	if cpuAfter, ok := w.Client.serverCPU(ctx); ok && cpuKnown {
		report.chargeCPU(cpuAfter - cpuBefore)
	}
	return report, nil
}

// play sends the actor's requests until end. It returns how many were due
// before then and not sent, because those before them took too long.
func (a *actor) play(ctx context.Context, client *Client, start, end time.Time) (unsent uint64) {
	due := start.Add(a.phase)
	for ; ; due = due.Add(a.every) {
		if a.every == 0 {
			due = time.Now()
		}
		if !due.Before(end) {
			return 0
		}
		began := due
		if wait := time.Until(due); wait > 0 {
			if !sleep.For(ctx, wait) {
				return 0
			}
			// A timer that rings late, by up to a millisecond on an idle machine,
			// is this program's delay. The service is charged for its own only.
			began = time.Now()
		}
		if ctx.Err() != nil {
			return 0
		}
		if !time.Now().Before(end) {
			return 1 + uint64(end.Sub(due)-1)/uint64(max(a.every, 1))
		}
		r := a.next()
		answer, err := client.do(ctx, &r)
		if ctx.Err() != nil {
			return 0 // cut off: neither an answer nor the service's fault
		}
		a.note(r.kind, time.Since(began), answer, err)
	}
}

func (a *actor) note(kind Kind, latency time.Duration, answer *answer, err error) {
	s := a.stats[kind]
	if s == nil {
		s = &kindStats{errors: map[string]uint64{}}
		a.stats[kind] = s
	}
	s.requests++
	s.latency.record(latency)
	if err == nil && answer.good() {
		return
	}
	class, sample := "no answer", ""
	if err != nil {
		sample = err.Error()
	} else {
		class, sample = fmt.Sprint(answer.status), answer.said()
	}
	s.errors[class]++
	if s.sample == "" {
		s.sample = sample
	}
}

// publish makes the videos known, so that polls have answers of full size from
// the start. A second run finds them known.
func (w *Workload) publish(ctx context.Context) error {
	token, err := w.Tokens(userID(w.Seed, "publisher", 0), true)
	if err != nil {
		return err
	}
	trace := &Trace{}
	for n := range w.Videos {
		event, err := json.Marshal(cloudEvent{
			SpecVersion: "1.0", ID: fmt.Sprintf("video %d", n), Source: "tidemark load", Type: "video.published",
			Time: time.Unix(0, 0).UTC(), Data: map[string]string{"video_id": videoID(n)},
		})
		if err != nil {
			return err
		}
		trace.Events = append(trace.Events, event)
	}
	im := Importer{
		Client: w.Client, Token: token, Format: FormatLines, BatchEvents: MaxBatchEvents,
		Repeat: 1, Concurrency: 1, RetryLimit: requestLimit,
	}
	report, err := im.Run(ctx, trace)
	if err == nil && report.Rejected > 0 {
		err = fmt.Errorf("%d rejected, first: %s", report.Rejected, report.Samples[0])
	}
	return err
}

// cast makes the actors. Those of a role are spread over its pace, so that
// they do not all ask at once.
func (w *Workload) cast() ([]*actor, error) {
	videos := make([]string, w.Videos)
	for n := range videos {
		videos[n] = videoID(n)
	}
	var cast []*actor
	add := func(role string, count int, every time.Duration, service bool, play func(p *player) func() request) error {
		for n := range count {
			p := &player{user: userID(w.Seed, role, n), videos: videos}
			p.random = rand.New(rand.NewPCG(w.Seed, uint64(len(cast))))
			// 1.1 is a long tail: of 10,000 videos the first gets a fifth.
			p.zipf = rand.NewZipf(p.random, 1.1, 1, uint64(len(videos)-1))
			var err error
			if p.token, err = w.Tokens(p.user, service); err != nil {
				return err
			}
			phase := time.Duration(float64(every) * float64(n) / float64(count))
			cast = append(cast, &actor{next: play(p), every: every, phase: phase, stats: map[Kind]*kindStats{}})
		}
		return nil
	}
	pollEvery := w.PollEvery
	if w.ClosedLoop {
		pollEvery = 0
	}
	poller := func(p *player) func() request { return p.poller(w.PageVideos) }
	for _, err := range []error{
		add("poller", w.Pollers, pollEvery, false, poller),
		add("viewer", w.Viewers, w.ViewEvery, false, (*player).viewer),
		add("liker", w.Likers, w.LikeEvery, false, (*player).liker),
		add("worker", w.Workers, w.JobEvery, true, (*player).worker),
	} {
		if err != nil {
			return nil, err
		}
	}
	return cast, nil
}

func videoID(n int) string { return DeriveID(fmt.Sprintf("tidemark load video %d", n)) }

func userID(seed uint64, role string, n int) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "tidemark load %d %s %d", seed, role, n))
}
