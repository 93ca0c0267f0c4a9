package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/archive/intake"
	"github.com/tidemark-io/tidemark/archive/intake/mapping"
	"github.com/tidemark-io/tidemark/cmd/tidemark/load"
	"github.com/tidemark-io/tidemark/events"
)

// intakeFlags are what import and ingest have in common: the application's
// database, what its rows mean, and the service that they go to.
type intakeFlags struct {
	Mapping     string `type:"existingfile" placeholder:"FILE" help:"What the application's tables mean (YAML; see docs/adopting.md)."`
	PostgresURL string `name:"postgres-url" required:"" placeholder:"URL" help:"The application's database, such as postgres://reader@db/app."`

	URL         string        `name:"url" default:"http://127.0.0.1:8080" help:"Address of the service."`
	YesRemote   bool          `help:"Yes, send to a service on another machine."`
	Token       string        `group:"Tokens" help:"Bearer token with the role service, and admin where videos are mapped. Without it one is signed with the service's secret."`
	DataDir     string        `default:"./tidemark-data" group:"Tokens" help:"Data directory of the service, which holds its secret."`
	JWTSecret   string        `name:"jwt-secret" group:"Tokens" help:"The service's secret, where it was given one."`
	Concurrency int           `default:"4" help:"Calls that are under way at once while rows are imported."`
	RetryLimit  time.Duration `default:"10m" help:"How long a call is repeated that the service cannot take now."`
}

// Validate refuses values that cannot work.
func (i *intakeFlags) Validate() error {
	if i.Concurrency <= 0 || i.RetryLimit <= 0 {
		return errors.New("--concurrency and --retry-limit must be more than zero")
	}
	return nil
}

func (i *intakeFlags) load() (*mapping.Mapping, error) {
	if i.Mapping == "" {
		return nil, errors.New("--mapping is missing: it says what the application's tables mean")
	}
	m, err := mapping.Load(i.Mapping)
	if err != nil {
		return nil, fmt.Errorf("--mapping: %w", err)
	}
	return m, nil
}

// serviceSink sends events through POST /v1/events.
type serviceSink struct {
	importer load.Importer
	// token signs a new token; nil where one was given.
	token func() (string, error)
}

// errRights: every event of some types would be refused.
var errRights = errors.New("the token lacks the role admin, which it takes to delete and restore videos that are hidden, or gone: give one that has it, or take the videos out of the mapping; then do it again, nothing counts twice")

// tokenLife is how long a token is good that is signed for one call.
const tokenLife = time.Hour

// sink returns the way to the service, and what closes it.
func (i *intakeFlags) sink() (*serviceSink, func(), error) {
	client, err := load.NewClient(i.URL, i.YesRemote, i.Concurrency)
	if err != nil {
		return nil, nil, fmt.Errorf("--url: %w", err)
	}
	s := &serviceSink{importer: load.Importer{
		Client: client, Token: i.Token, Format: load.FormatLines, RetryLimit: i.RetryLimit,
	}}
	if i.Token == "" {
		secret, err := serviceSecret(i.DataDir, i.JWTSecret)
		if err != nil {
			return nil, nil, err
		}
		s.token = func() (string, error) {
			sub := uuid.NewSHA1(uuid.NameSpaceOID, []byte("tidemark intake from postgres"))
			return api.Mint(secret, events.UserID(sub), api.Roles(0).With(api.RoleService).With(api.RoleAdmin), tokenLife, time.Now())
		}
	}
	return s, client.Close, nil
}

// Send implements intake.Sink.
func (s *serviceSink) Send(ctx context.Context, batch [][]byte) (o intake.Outcome, err error) {
	im := s.importer
	if s.token != nil {
		if im.Token, err = s.token(); err != nil {
			return o, err
		}
	}
	sent, err := im.Send(ctx, batch)
	if err != nil {
		return o, err
	}
	o.Accepted, o.Duplicates = sent.Accepted, sent.Duplicates
	for _, r := range sent.Rejected {
		if strings.Contains(r.Detail, events.NeedsAdmin) {
			return o, errRights // what was refused for this must not pass for done
		}
		o.Rejected = append(o.Rejected, intake.Rejection{Index: r.Index, Detail: r.Detail})
	}
	return o, nil
}
