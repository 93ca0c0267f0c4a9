package query

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// What a request may ask for.
var (
	windowNames  = [...]string{readmodel.WindowHour: "1h", readmodel.WindowDay: "24h", readmodel.WindowWeek: "7d"}
	rankingNames = [...]string{readmodel.ByViews: "views", readmodel.ByLikes: "likes"}
)

// Defaults of a request that does not say.
const (
	defaultWindow  = readmodel.WindowDay
	defaultRanking = readmodel.ByViews
)

// getTrending answers GET /v1/videos/trending.
func (s *Service) getTrending(c *api.Call) error {
	var values [3]param
	if err := readParams(c, values[:], "window", "by", "limit"); err != nil {
		return err
	}
	window, by := defaultWindow, defaultRanking
	if values[0].given {
		i := slices.Index(windowNames[:], values[0].text)
		if i < 0 {
			return badParam("window", "must be 1h, 24h or 7d")
		}
		window = readmodel.Window(i)
	}
	if values[1].given {
		i := slices.Index(rankingNames[:], values[1].text)
		if i < 0 {
			return badParam("by", "must be views or likes")
		}
		by = readmodel.Ranking(i)
	}
	limit, err := readLimit(values[2])
	if err != nil {
		return err
	}
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	after, _ := c.After()
	m := s.source.Model()
	r := s.trending[by][window].get(s, m, by, window, after.Ceiling)
	shown, ceiling := r.show(m.Videos, limit)
	// The floor is the ranking's, although counters are read afresh: scores are
	// as old as it is.
	c.SetToken(r.snapshot.Token(ceiling))
	c.Out = appendTrending(c.Out, shown)
	return c.Answer(c.Out)
}

// ranked is a video as it stands in an answer.
type ranked struct {
	id    events.VideoID
	score int32
	slot  readmodel.Slot
}

// show reads the counters of the best videos that are visible now, and the
// highest position seen. Videos are those of the model that was ranked. Who was deleted since the ranking is left out.
func (r *ranking) show(videos *readmodel.Videos, limit int) (shown []ranked, ceiling events.Position) {
	shown = make([]ranked, 0, min(limit, len(r.best)))
	ceiling = r.snapshot.At
	for _, entry := range r.best {
		if len(shown) == limit {
			break
		}
		v := ranked{score: entry.score}
		videos.Read(entry.video, &v.slot)
		if v.slot.Changed().Compare(ceiling) > 0 {
			ceiling = v.slot.Changed()
		}
		if v.slot.Visible() {
			v.id = videos.ID(entry.video)
			shown = append(shown, v)
		}
	}
	// Among equal scores the counters shown decide, not those of the ranking.
	slices.SortFunc(shown, func(a, b ranked) int { return compareRanked(&a, &b) })
	return shown, ceiling
}

// compareRanked orders by score, then by views, the greater first, then by ID.
func compareRanked(a, b *ranked) int {
	return cmp.Or(
		cmp.Compare(b.score, a.score),
		cmp.Compare(b.slot.Counts[events.Views], a.slot.Counts[events.Views]),
		slices.Compare(a.id[:], b.id[:]),
	)
}

func appendTrending(dst []byte, shown []ranked) []byte {
	dst = append(dst, `{"videos":[`...)
	for i := range shown {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = shown[i].id.AppendTo(append(dst, `{"video_id":"`...))
		dst = strconv.AppendInt(append(dst, `","score":`...), int64(shown[i].score), 10)
		dst = appendCounts(append(dst, ','), &shown[i].slot.Counts)
	}
	return append(dst, `]}`...)
}
