package chart

import (
	"math"
	"slices"
	"strconv"

	"github.com/tidemark-io/tidemark/bench/result"
)

// File is one chart with the name of its file.
type File struct {
	Name string
	SVG  []byte
}

// FromRun draws everything that a run has rows for.
func FromRun(run *result.Run) []File {
	var files []File
	for _, b := range barCharts {
		if chart := b.of(run); len(chart.Rows) > 0 {
			files = append(files, File{b.file, chart.SVG()})
		}
	}
	for _, q := range curveCharts {
		if chart := q.of(run); len(chart.Series) > 0 {
			files = append(files, File{q.file, chart.SVG()})
		}
	}
	return files
}

// ours is the product among the subjects, floor what it is compared with.
const (
	ours  = "tidemark"
	floor = "floor-gin"
)

// names are what charts call subjects whose names in the results are short.
var names = map[string]string{
	floor:            "gin, constant answer",
	"floor-nethttp":  "net/http, constant answer",
	"redis-rueidis":  "Redis, rueidis",
	"redis-go-redis": "Redis, go-redis",
	"postgres-pgx":   "PostgreSQL, pgx",
}

func display(subject string) string {
	if name := names[subject]; name != "" {
		return name
	}
	return subject
}

// barChart is one figure of all rows of one scenario.
type barChart struct {
	file, title, note, unit string
	scenario, figure        string
	// base is the subject that ratios refer to; where it is empty, the figure
	// stands alone.
	base string
	log  bool
	// all subjects are the product, in several ways.
	all bool
	// with are parameters that a row must have.
	with map[string]string
}

func (b *barChart) of(run *result.Run) *Bars {
	chart := &Bars{Title: b.title, Note: b.note, Unit: b.unit, Log: b.log}
	base := 0.0
	for i := range run.Rows {
		if r := &run.Rows[i]; r.Scenario == b.scenario && r.Subject == b.base && fits(r, b.with) {
			base = r.Figures[b.figure].Median
		}
	}
	for i := range run.Rows {
		r := &run.Rows[i]
		f, ok := r.Figures[b.figure]
		if r.Scenario != b.scenario || !ok || !fits(r, b.with) {
			continue
		}
		bar := Bar{Name: display(r.Subject), Value: f.Median, Low: f.Min, High: f.Max, Ours: b.all || r.Subject == ours, Base: r.Subject == b.base && b.base != ours}
		if base > 0 {
			bar.Label = ratio(f.Median / base)
		}
		chart.Rows = append(chart.Rows, bar)
	}
	return chart
}

// ratio prints two digits that count, which is what a ratio is good for; those
// near 1, which goals are about, have three.
func ratio(v float64) string {
	switch {
	case v >= 10:
		return digits(math.Round(v)) + " ×"
	case v >= 2:
		return digits(math.Round(v*10)/10) + " ×"
	}
	return digits(math.Round(v*100)/100) + " ×"
}

// curveChart is one or more figures by a number.
type curveChart struct {
	file, title, note, x, y string
	logX, logY              bool
	lines                   []line
	// goal, where set, is so many times the first point of the last line.
	goal      float64
	goalLabel string
}

// line is one curve: a figure of the rows that are named, by a parameter.
type line struct {
	name      string
	scenarios []string
	subject   string
	parameter string
	figure    string
	// with are parameters that a row must have.
	with map[string]string
}

func (q *curveChart) of(run *result.Run) *Curves {
	chart := &Curves{Title: q.title, Note: q.note, X: q.x, Y: q.y, LogX: q.logX, LogY: q.logY}
	for _, l := range q.lines {
		if points := l.points(run); len(points) > 1 {
			chart.Series = append(chart.Series, Series{l.name, points})
		}
	}
	if q.goal > 0 && len(chart.Series) > 0 {
		chart.Goal, chart.GoalLabel = q.goal*chart.Series[len(chart.Series)-1].Points[0].Y, q.goalLabel
	}
	return chart
}

func (l *line) points(run *result.Run) []Point {
	var points []Point
	for i := range run.Rows {
		r := &run.Rows[i]
		f, ok := r.Figures[l.figure]
		x, err := strconv.ParseFloat(r.Parameters[l.parameter], 64)
		if ok && err == nil && r.Subject == l.subject && slices.Contains(l.scenarios, r.Scenario) && fits(r, l.with) {
			points = append(points, Point{x, f.Median})
		}
	}
	slices.SortFunc(points, func(a, b Point) int { return int(a.X - b.X) })
	return points
}

// fits reports whether the row has these parameters.
func fits(r *result.Row, with map[string]string) bool {
	for name, value := range with {
		if r.Parameters[name] != value {
			return false
		}
	}
	return true
}
