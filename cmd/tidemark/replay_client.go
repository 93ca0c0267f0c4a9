package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/cmd/tidemark/load"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/internal/sleep"
)

// adminFlags say how to reach a running service as an administrator.
type adminFlags struct {
	URL       string `name:"url" default:"http://127.0.0.1:8080" group:"Service" help:"Address of the service."`
	Token     string `group:"Service" help:"Bearer token with the role admin. Without it one is signed with the service's secret."`
	DataDir   string `default:"./tidemark-data" group:"Service" help:"Data directory of the service, which holds its secret."`
	JWTSecret string `name:"jwt-secret" group:"Service" help:"The service's secret, where it was given one."`
	Actor     string `placeholder:"UUID" default:"00000000-0000-0000-0000-000000000000" group:"Service" help:"The administrator whom the audit names, where the token is signed here."`
	JSON      bool   `name:"json" help:"Print the answer as JSON."`
	Key       string `name:"idempotency-key" placeholder:"KEY" group:"Service" help:"Of commands that begin a run: the same command with the same key follows the run that the first began."`
}

// Validate refuses an address that is none, and an actor that is no UUID.
func (a *adminFlags) Validate() error {
	if _, err := load.ParseAddress(a.URL); err != nil {
		return fmt.Errorf("--url: %w", err)
	}
	_, err := a.actor()
	return err
}

func (a *adminFlags) actor() (id events.UserID, err error) {
	if !events.ParseUUID((*[16]byte)(&id), a.Actor) {
		return id, fmt.Errorf("--actor %w", events.ErrBadID)
	}
	return id, nil
}

// adminClient asks the admin API.
type adminClient struct {
	url   string
	token string
	key   string // of the run that is begun
	http  http.Client
}

// adminTokenTTL outlives the longest run that is followed.
const adminTokenTTL = 7 * 24 * time.Hour

func (a *adminFlags) client() (*adminClient, error) {
	token, err := a.bearer()
	return &adminClient{url: strings.TrimSuffix(a.URL, "/"), token: token, key: a.Key}, err
}

// bearer returns the token given, or signs one. It never makes a secret: one
// that the service does not have opens nothing.
func (a *adminFlags) bearer() (string, error) { return a.bearerOf(api.RoleAdmin) }

// bearerOf is bearer with these roles, where the token is signed here.
func (a *adminFlags) bearerOf(roles ...api.Role) (string, error) {
	if a.Token != "" {
		return a.Token, nil
	}
	secret, err := serviceSecret(a.DataDir, a.JWTSecret)
	if err != nil {
		return "", err
	}
	actor, err := a.actor()
	if err != nil {
		return "", err
	}
	var all api.Roles
	for _, role := range roles {
		all = all.With(role)
	}
	return api.Mint(secret, actor, all, adminTokenTTL, time.Now())
}

// problem is an answer that is none: why the service did not do what was asked.
type problem struct {
	Type   string `json:"type"`
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Pointer string `json:"pointer"`
		Detail  string `json:"detail"`
	} `json:"errors"`

	retryAfter time.Duration // 0 where a repeat is no use
}

// rejected reports whether nothing was done, for a reason that may soon be gone.
func (p *problem) rejected() bool {
	unknown := strings.HasSuffix(p.Type, "/"+string(api.OutcomeUnknown))
	return p.Status == http.StatusServiceUnavailable && p.retryAfter > 0 && !unknown
}

func (p *problem) Error() string {
	text := fmt.Sprintf("%s (%d): %s", p.Title, p.Status, p.Detail)
	if p.Status == http.StatusUnauthorized {
		text += " Give the service's own --data-dir or --jwt-secret, or a --token with the role admin."
	}
	for _, e := range p.Errors {
		if p.Detail == e.Detail || p.Detail == e.Pointer+": "+e.Detail {
			continue // it is said
		}
		text += fmt.Sprintf("\n  %s: %s", e.Pointer, e.Detail)
	}
	return text
}

// get, post and remove ask and read the answer into out, unless that is nil.
func (c *adminClient) get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, nil, out)
}

func (c *adminClient) post(ctx context.Context, path string, body, out any) error {
	return c.do(ctx, http.MethodPost, path, body, out)
}

// repeatLimit bounds how long a command is repeated that the service rejects for the
// moment.
const repeatLimit = 30 * time.Second

// command is post for what writes to the log: rejected for the moment, it is given
// again when the service says so, until repeatLimit. Why is said once.
func (c *adminClient) command(ctx context.Context, path string, body, out any) error {
	for end, told := time.Now().Add(repeatLimit), false; ; told = true {
		err := c.post(ctx, path, body, out)
		var p *problem
		if !errors.As(err, &p) || !p.rejected() || time.Now().Add(p.retryAfter).After(end) {
			return err
		}
		if !told {
			fmt.Fprintf(os.Stderr, "%s It is given again.\n", p.Detail)
		}
		if !sleep.For(ctx, p.retryAfter) {
			return err
		}
	}
}

func (c *adminClient) remove(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodDelete, path, nil, out)
}

func (c *adminClient) do(ctx context.Context, method, path string, body, out any) error {
	answer, err := c.open(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer answer.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(answer).Decode(out); err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}
	return nil
}

// open asks and returns the body of an answer of 2xx, to be read as it comes.
func (c *adminClient) open(ctx context.Context, method, path string, body any) (io.ReadCloser, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("write the body of %s %s: %w", method, path, err)
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, content)
	if err != nil {
		return nil, fmt.Errorf("--url: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	if c.key != "" && strings.HasPrefix(path, runsPath) && method == http.MethodPost {
		request.Header.Set("Idempotency-Key", c.key)
	}
	if content != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the service: %w; is it running, and is --url its address? (%s)", err, "status, explain, at and diff read a stopped one with --offline")
	}
	if answer.StatusCode/100 == 2 {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	return nil, readProblem(answer)
}

// maxProblemBytes bounds what is read of an answer that is no document of ours.
const maxProblemBytes = 64 << 10

func readProblem(answer *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxProblemBytes)) // its status says enough
	p := &problem{}
	if err := json.Unmarshal(text, p); err != nil || p.Title == "" {
		return &problem{Status: answer.StatusCode, Title: http.StatusText(answer.StatusCode), Detail: "the answer is not of a tidemark service; is --url right?"}
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // without one it is 0
	p.retryAfter = time.Duration(seconds) * time.Second
	return p
}
