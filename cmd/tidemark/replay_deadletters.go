package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/query"
)

// replayDeadLettersCmd is what is done about events that could not be folded.
type replayDeadLettersCmd struct {
	List    deadLettersListCmd    `cmd:"" help:"List dead letters, oldest first."`
	Show    deadLettersShowCmd    `cmd:"" help:"Show one with its bytes and its event."`
	Redrive deadLettersRedriveCmd `cmd:"" help:"Fold dead letters anew, in their order within each entity."`
	Drop    deadLettersDropCmd    `cmd:"" help:"Give dead letters up."`
}

const deadLettersPath = "/v1/admin/dead-letters"

func letterKind(d *query.DeadLetter) string {
	if d.Type == nil {
		return "(whole message)"
	}
	return *d.Type
}

type deadLettersListCmd struct {
	adminFlags `embed:""`
	Type       string `help:"Only events of this type."`
	Contains   string `help:"Only those whose reason holds this text."`
	Limit      int    `default:"100" help:"How many at the most."`
}

// Validate refuses what cannot be meant.
func (l *deadLettersListCmd) Validate() error {
	return errors.Join(atLeastOne(l.Limit), l.adminFlags.Validate())
}

// Run lists dead letters.
func (l *deadLettersListCmd) Run(ctx context.Context) error {
	client, err := l.client()
	if err != nil {
		return err
	}
	list := []query.DeadLetter{}
	parameters := url.Values{}
	for name, value := range map[string]string{"type": l.Type, "reason": l.Contains} {
		if value != "" {
			parameters.Set(name, value)
		}
	}
	for len(list) < l.Limit {
		var page struct {
			DeadLetters []query.DeadLetter `json:"dead_letters"`
			Next        *string            `json:"next_cursor"`
		}
		parameters.Set("limit", strconv.Itoa(min(l.Limit-len(list), 200)))
		if err := client.get(ctx, deadLettersPath+"?"+parameters.Encode(), &page); err != nil {
			return err
		}
		list = append(list, page.DeadLetters...)
		if page.Next == nil {
			break
		}
		parameters.Set("cursor", *page.Next)
	}
	return l.printed(list, func(w io.Writer) {
		for i := range list {
			d := &list[i]
			fmt.Fprintf(w, "%-10s %-20s %6d bytes  %s\n", d.Position, letterKind(d), d.Bytes, d.Reason)
		}
	})
}

type deadLettersShowCmd struct {
	adminFlags `embed:""`
	Position   string `arg:"" help:"Where it lies, such as 8112.17."`
}

// Run shows one dead letter.
func (s *deadLettersShowCmd) Run(ctx context.Context) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	d := &query.DeadLetter{}
	if err := client.get(ctx, deadLettersPath+"/"+url.PathEscape(s.Position), d); err != nil {
		return err
	}
	return s.printed(d, func(w io.Writer) {
		rows(w, "position", d.Position, "reason", d.Reason, "type", letterKind(d), "subject", d.Subject, "stored", d.Stored,
			"bytes", d.Bytes, "raw", fmt.Sprintf("%x", d.Raw))
		if d.Event != nil {
			rows(w, "event", string(d.Event))
		}
		for _, event := range d.Events {
			rows(w, "event", string(event))
		}
		if d.Refusal != "" {
			rows(w, "redrive", d.Refusal+": drop it, and send what it should have said anew")
		}
	})
}

// letterFlags select the dead letters of a command.
type letterFlags struct {
	adminFlags `embed:""`
	Positions  []string `arg:"" optional:"" help:"These, such as 8112.17; without any, those that the flags select."`
	Reason     string   `required:"" help:"Why, for the audit."`
	Type       string   `help:"Only events of this type."`
	Contains   string   `help:"Only those whose reason holds this text."`
	From       string   `placeholder:"POSITION" help:"Only from this position on."`
	To         string   `placeholder:"POSITION" help:"Only up to this position."`
	All        bool     `help:"All of them."`
	Limit      int      `default:"1000" help:"How many at the most."`
}

// Validate refuses a command that does not select dead letters.
func (l *letterFlags) Validate() error {
	named, narrowed := len(l.Positions) > 0, l.Type != "" || l.Contains != "" || l.From != "" || l.To != "" || l.All
	switch {
	case !named && !narrowed:
		return errors.New("must say which dead letters: positions, --type, --contains, --from, --to or --all")
	case named && narrowed:
		return errors.New("positions name the dead letters: give nothing else that selects them")
	}
	return errors.Join(atLeastOne(l.Limit), l.adminFlags.Validate())
}

// atLeastOne refuses a limit by which nothing would be done.
func atLeastOne(limit int) error {
	if limit < 1 {
		return errors.New("--limit is how many dead letters at the most: give 1 or more")
	}
	return nil
}

// lettersAtOnce is how many dead letters one request takes.
const lettersAtOnce = 400

type deadLettersRedriveCmd struct {
	letterFlags `embed:""`
}

// Run redrives dead letters.
func (r *deadLettersRedriveCmd) Run(ctx context.Context) error { return r.run(ctx, "redrive") }

type deadLettersDropCmd struct {
	letterFlags `embed:""`
}

// Run drops dead letters.
func (d *deadLettersDropCmd) Run(ctx context.Context) error { return d.run(ctx, "drop") }

// run sends requests until nothing more matches, or the limit is reached.
func (l *letterFlags) run(ctx context.Context, what string) error {
	client, err := l.client()
	if err != nil {
		return err
	}
	results := map[events.Position]string{}
	for from := l.From; len(results) < l.Limit; {
		var answer struct {
			Results map[events.Position]string `json:"results"`
			More    bool                       `json:"more"`
			Pending bool                       `json:"pending"`
		}
		body := l.body(from, min(l.Limit-len(results), lettersAtOnce))
		if err := client.command(ctx, deadLettersPath+"/"+what, body, &answer); err != nil {
			return err
		}
		if answer.Pending {
			return fmt.Errorf("the command is in the log, and is not folded in time: see tidemark replay status")
		}
		maps.Copy(results, answer.Results)
		if !answer.More || len(answer.Results) == 0 {
			break
		}
		next := after(answer.Results)
		from = next.String()
		if named := len(l.Positions) > 0; named {
			l.Positions = slices.DeleteFunc(l.Positions, func(text string) bool {
				at, err := events.ParsePosition(text)
				return err == nil && at.Compare(next) < 0
			})
			if len(l.Positions) == 0 {
				break
			}
		}
	}
	return l.printed(results, func(w io.Writer) {
		counts := map[string]int{}
		for _, position := range slices.SortedFunc(maps.Keys(results), events.Position.Compare) {
			counts[results[position]]++
			fmt.Fprintf(w, "%-10s %s\n", position, results[position])
		}
		for _, word := range slices.Sorted(maps.Keys(counts)) {
			rows(w, word, counts[word])
		}
		if len(results) == 0 {
			fmt.Fprintln(w, l.none(what))
		}
	})
}

// none says that nothing was done.
func (l *letterFlags) none(what string) string {
	if l.All && what == "redrive" {
		return "no dead letter can be redriven: tidemark replay dead-letters list names them, and show POSITION says why"
	}
	return "no dead letter matches: tidemark replay dead-letters list names all"
}

func (l *letterFlags) body(from string, limit int) map[string]any {
	body := map[string]any{"reason": l.Reason}
	if len(l.Positions) > 0 {
		body["positions"] = l.Positions
		return body
	}
	for name, value := range map[string]string{"type": l.Type, "reason_contains": l.Contains, "from": from, "to": l.To} {
		if value != "" {
			body[name] = value
		}
	}
	if l.All {
		body["all"] = true
	}
	body["limit"] = limit
	return body
}

// after returns the position behind the last of the results.
func after(results map[events.Position]string) events.Position {
	last := slices.MaxFunc(slices.Collect(maps.Keys(results)), events.Position.Compare)
	if last.Index++; last.Index == events.MaxBatchEvents {
		return events.Position{Seq: last.Seq + 1}
	}
	return last
}
