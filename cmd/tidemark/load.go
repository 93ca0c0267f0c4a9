package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/cmd/tidemark/load"
	"github.com/tidemark-io/tidemark/events"
)

// loadCmd drives a running service: with --trace it imports a recorded trace,
// without it plays a workload.
type loadCmd struct {
	URL       string `name:"url" default:"http://127.0.0.1:8080" help:"Address of the service."`
	YesRemote bool   `help:"Yes, load a service on another machine."`
	JSON      bool   `name:"json" help:"Print the report as JSON."`

	Token     string `group:"Tokens" help:"Bearer token with the role service, for all that is sent. Without it each user gets a token of his own, signed with the service's secret."`
	DataDir   string `default:"./tidemark-data" group:"Tokens" help:"Data directory of the service, which holds its secret."`
	JWTSecret string `name:"jwt-secret" group:"Tokens" help:"The service's secret, where it was given one."`

	Trace       string        `type:"existingfile" group:"Import" help:"Trace to import: NDJSON, packed if it ends in .gz."`
	Source      string        `group:"Import" help:"Source of the imported events; trace:<file name> unless given."`
	Shuffle     *uint64       `placeholder:"SEED" group:"Import" help:"Send the events in an order that the seed decides."`
	Repeat      int           `default:"1" group:"Import" help:"How many times the trace is sent."`
	Format      string        `default:"ndjson" enum:"ndjson,batch" group:"Import" help:"ndjson or batch (a CloudEvents batch)."`
	BatchSize   int           `default:"1000" group:"Import" help:"Events in one call, up to 1000."`
	Concurrency int           `default:"4" group:"Import" help:"Calls that are under way at once."`
	RetryLimit  time.Duration `default:"1m" group:"Import" help:"How long a call is repeated that the service cannot take now."`

	Duration   time.Duration `default:"30s" group:"Workload" help:"How long requests are sent."`
	Pollers    int           `default:"50" group:"Workload" help:"Pages that poll the counters of their videos."`
	Viewers    int           `default:"10" group:"Workload" help:"Users who view videos."`
	Likers     int           `default:"5" group:"Workload" help:"Users who like videos."`
	Workers    int           `default:"2" group:"Workload" help:"Job workers."`
	Videos     int           `default:"10000" group:"Workload" help:"Videos there are."`
	PageVideos int           `default:"20" group:"Workload" help:"Videos that one poll asks for."`
	PollEvery  time.Duration `default:"5s" group:"Workload" help:"Pace of one poller."`
	ViewEvery  time.Duration `default:"1s" group:"Workload" help:"Pace of one viewer."`
	LikeEvery  time.Duration `default:"1s" group:"Workload" help:"Pace of one liker."`
	JobEvery   time.Duration `default:"500ms" group:"Workload" help:"Pace of one job worker."`
	Rate       float64       `group:"Workload" help:"Polls per second of all pollers together, in place of --poll-every."`
	ClosedLoop bool          `group:"Workload" help:"Let each poller ask again as soon as it has its answer."`
	Seed       uint64        `default:"1" group:"Workload" help:"Decides which videos are asked for."`
}

// Validate refuses values that cannot work, with what to do.
func (l *loadCmd) Validate() error {
	for flag, value := range map[string]int64{
		"--repeat": int64(l.Repeat), "--concurrency": int64(l.Concurrency), "--retry-limit": int64(l.RetryLimit),
		"--duration": int64(l.Duration), "--videos": int64(l.Videos), "--page-videos": int64(l.PageVideos),
		"--poll-every": int64(l.PollEvery), "--view-every": int64(l.ViewEvery),
		"--like-every": int64(l.LikeEvery), "--job-every": int64(l.JobEvery),
	} {
		if value <= 0 {
			return fmt.Errorf("%s must be more than zero", flag)
		}
	}
	switch {
	case l.BatchSize < 1 || l.BatchSize > load.MaxBatchEvents:
		return fmt.Errorf("--batch-size must be 1 to %d", load.MaxBatchEvents)
	case min(l.Pollers, l.Viewers, l.Likers, l.Workers) < 0:
		return errors.New("--pollers, --viewers, --likers and --workers must not be negative")
	case l.Rate < 0:
		return errors.New("--rate must not be negative")
	case l.Rate > 0 && l.ClosedLoop:
		return errors.New("give --rate or --closed-loop, not both: a closed loop has no rate but the service's")
	}
	return nil
}

// Run imports the trace or plays the workload, and prints the report.
func (l *loadCmd) Run(ctx context.Context) error {
	connections := l.Pollers + l.Viewers + l.Likers + l.Workers + l.Concurrency
	client, err := load.NewClient(l.URL, l.YesRemote, connections)
	if err != nil {
		return fmt.Errorf("--url: %w", err)
	}
	defer client.Close()
	tokens, err := l.tokens()
	if err != nil {
		return err
	}
	if l.Trace != "" {
		return l.runImport(ctx, client, tokens)
	}
	return l.runWorkload(ctx, client, tokens)
}

func (l *loadCmd) runImport(ctx context.Context, client *load.Client, tokens tokenSource) error {
	trace, err := load.ReadTrace(l.Trace, l.Source)
	if err != nil {
		return fmt.Errorf("--trace: %w", err)
	}
	if l.Shuffle != nil {
		trace.Shuffle(*l.Shuffle)
	}
	token, err := tokens(uuid.NewSHA1(uuid.NameSpaceOID, []byte("tidemark load importer")), true)
	if err != nil {
		return err
	}
	bar := newBar(len(trace.Events) * l.Repeat)
	im := load.Importer{
		Client: client, Token: token, Format: l.Format, BatchEvents: l.BatchSize, Repeat: l.Repeat,
		Concurrency: l.Concurrency, RetryLimit: l.RetryLimit, Progress: func(n int) { _ = bar.Add(n) },
	}
	report, err := im.Run(ctx, trace)
	_ = bar.Exit()
	if err := errors.Join(err, l.print(report)); err != nil {
		return err
	}
	if report.Rejected > 0 {
		return fmt.Errorf("%d events were rejected; all others are in", report.Rejected)
	}
	return nil
}

// newBar is a progress bar on a terminal and nothing elsewhere.
func newBar(total int) *progressbar.ProgressBar {
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription("events"),
		progressbar.OptionSetVisibility(term.IsTerminal(int(os.Stderr.Fd()))),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
}

func (l *loadCmd) runWorkload(ctx context.Context, client *load.Client, tokens tokenSource) error {
	pollEvery := l.PollEvery
	if l.Rate > 0 {
		pollEvery = max(1, time.Duration(float64(l.Pollers)/l.Rate*float64(time.Second)))
	}
	workload := load.Workload{
		Client: client, Tokens: tokens, Duration: l.Duration,
		Pollers: l.Pollers, Viewers: l.Viewers, Likers: l.Likers, Workers: l.Workers,
		Videos: l.Videos, PageVideos: l.PageVideos,
		PollEvery: pollEvery, ViewEvery: l.ViewEvery, LikeEvery: l.LikeEvery, JobEvery: l.JobEvery,
		ClosedLoop: l.ClosedLoop, Seed: l.Seed,
	}
	report, err := workload.Run(ctx)
	if err != nil {
		return err
	}
	if err := l.print(report); err != nil {
		return err
	}
	for kind, k := range report.Kinds {
		if k.Requests > 0 && k.Failed() == k.Requests {
			return fmt.Errorf("all %d requests of kind %s failed: %s", k.Requests, kind, k.ErrorSample)
		}
	}
	return nil
}

// print writes a report to standard output.
func (l *loadCmd) print(report interface{ Write(io.Writer) error }) error {
	if l.JSON {
		return json.NewEncoder(os.Stdout).Encode(report)
	}
	return report.Write(os.Stdout)
}

type tokenSource = func(user uuid.UUID, service bool) (string, error)

// tokens signs tokens with the service's secret, or hands out the one given.
func (l *loadCmd) tokens() (tokenSource, error) {
	if l.Token != "" {
		return func(uuid.UUID, bool) (string, error) { return l.Token, nil }, nil
	}
	secret, err := serviceSecret(l.DataDir, l.JWTSecret)
	if err != nil {
		return nil, err
	}
	ttl := l.Duration + time.Hour
	if l.Trace != "" {
		ttl = 24 * time.Hour
	}
	return func(user uuid.UUID, service bool) (string, error) {
		var roles api.Roles
		if service {
			roles = roles.With(api.RoleService)
		}
		return api.Mint(secret, events.UserID(user), roles, ttl, time.Now())
	}, nil
}
