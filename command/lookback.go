package command

import (
	"context"
	"fmt"
	"net/http"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
	"github.com/tidemark-io/tidemark/projector/replay"
)

const (
	// maxReportBytes leaves room for some 25,000 users to leave out.
	maxReportBytes = 1 << 20
	// maxListed bounds what a run lists: its result is kept, and sent whole.
	maxListed = 10_000
)

// lookRoutes are the endpoints that start runs which look back. They change
// nothing; they may read all of the log.
func (s *Service) lookRoutes() []api.Route {
	const base = "/v1/admin/replay/"
	return []api.Route{
		{Method: http.MethodPost, Path: base + "explain", Access: api.Admin, Body: api.JSONBody, Command: true, Handle: s.startExplain},
		{Method: http.MethodPost, Path: base + "at", Access: api.Admin, Body: api.JSONBody, Command: true, Handle: s.startAt},
		{Method: http.MethodPost, Path: base + "diff", Access: api.Admin, Body: api.JSONBody, Command: true, Handle: s.startDiff},
		{Method: http.MethodPost, Path: base + "report", Access: api.Admin, Body: api.JSONBody, Command: true, MaxBodyBytes: maxReportBytes, Handle: s.startReport},
	}
}

// startExplain answers POST /v1/admin/replay/explain.
func (s *Service) startExplain(c *api.Call) error {
	var q replay.ExplainRequest
	return s.startLook(c, []string{"entity"}, func(j *strictjson.Scanner, name string) bool {
		switch name {
		case "entity":
			q.Entity = readText(j, replay.ParseEntity)
		case "until":
			q.Until = readText(j, replay.ParsePoint)
		case "views":
			views, _ := j.Int(0, maxListed)
			listed := int(views)
			q.Views = &listed
		default:
			return false
		}
		return true
	}, func(ctx context.Context, order replay.Order) (replay.RunID, error) {
		return s.cfg.Runs.StartExplain(ctx, order, q)
	})
}

// startAt answers POST /v1/admin/replay/at.
func (s *Service) startAt(c *api.Call) error {
	var q replay.AtRequest
	return s.startLook(c, []string{"at", "video_ids"}, func(j *strictjson.Scanner, name string) bool {
		switch name {
		case "at":
			q.At = readText(j, replay.ParsePoint)
		case "video_ids":
			q.Videos = readList(j, s.cfg.MaxBatch, readVideo)
		default:
			return false
		}
		return true
	}, func(ctx context.Context, order replay.Order) (replay.RunID, error) {
		return s.cfg.Runs.StartAt(ctx, order, q)
	})
}

// defaultTop is how many videos a ranking has that does not say.
const defaultTop = 20

// startDiff answers POST /v1/admin/replay/diff.
func (s *Service) startDiff(c *api.Call) error {
	q := replay.DiffRequest{Top: defaultTop}
	return s.startLook(c, []string{"from"}, func(j *strictjson.Scanner, name string) bool {
		switch name {
		case "from":
			q.From = readText(j, replay.ParsePoint)
		case "to":
			q.To = readText(j, replay.ParsePoint)
		case "video_ids":
			q.Videos = readList(j, s.cfg.MaxBatch, readVideo)
		case "by":
			q.By = readText(j, replay.ParseCounter)
		case "top":
			q.Top = readLimit(j)
		default:
			return false
		}
		return true
	}, func(ctx context.Context, order replay.Order) (replay.RunID, error) {
		return s.cfg.Runs.StartDiff(ctx, order, q)
	})
}

// startReport answers POST /v1/admin/replay/report.
func (s *Service) startReport(c *api.Call) error {
	q := replay.ReportRequest{ExcludeUsers: map[events.UserID]bool{}}
	return s.startLook(c, nil, func(j *strictjson.Scanner, name string) bool {
		switch name {
		case "until":
			q.Until = readText(j, replay.ParsePoint)
		case "only":
			q.Only = readList(j, s.cfg.MaxBatch, func(j *strictjson.Scanner) replay.Entity { return readText(j, replay.ParseEntity) })
		case "exclude_user_ids":
			for _, id := range readList(j, maxReportBytes, readVideo) {
				q.ExcludeUsers[events.UserID(id)] = true
			}
		case "limit":
			q.Limit = readLimit(j)
		case "from_export":
			q.FromExports = readExports(j)
		case "on_disk":
			q.OnDisk, _ = j.Bool()
		default:
			return false
		}
		return true
	}, func(ctx context.Context, order replay.Order) (replay.RunID, error) {
		return s.cfg.Runs.StartReport(ctx, order, q)
	})
}

// startLook reads the body of a run that looks back, and starts it.
func (s *Service) startLook(c *api.Call, required []string, member func(*strictjson.Scanner, string) bool,
	start func(context.Context, replay.Order) (replay.RunID, error),
) error {
	given := map[string]bool{}
	scan, err := readObject(c, func(j *strictjson.Scanner, name string) bool {
		given[name] = true
		return member(j, name)
	})
	if err != nil {
		return err
	}
	for _, name := range required {
		if !given[name] {
			scan.Missing(name)
		}
	}
	if err := finish(c, scan); err != nil {
		return err
	}
	return s.begin(c, func(once *replay.Once) (replay.RunID, error) {
		return start(c.Context(), replay.Order{Actor: c.Caller.ID.String(), Once: once})
	})
}

// readText reads a text and parses it.
func readText[T any](j *strictjson.Scanner, parse func(string) (T, error)) (value T) {
	text, ok := j.String()
	if !ok {
		return value
	}
	value, err := parse(string(text))
	if err != nil {
		j.Fail(err.Error())
	}
	return value
}

// readLimit reads how many of something are to be listed.
func readLimit(j *strictjson.Scanner) int {
	n, _ := j.Int(1, maxListed)
	return int(n)
}

func readVideo(j *strictjson.Scanner) events.VideoID {
	id, _ := readID(j)
	return id
}

// readList reads a list of 1 to most values.
func readList[T any](j *strictjson.Scanner, most int, read func(*strictjson.Scanner) T) (list []T) {
	if !j.Array() {
		return nil
	}
	for n := 0; j.Element(); n++ {
		if n >= most {
			j.Skip()
			continue
		}
		list = append(list, read(j))
	}
	if len(list) == 0 || len(list) > most {
		j.Fail(fmt.Sprintf("must hold 1 to %d values", most))
	}
	return list
}
