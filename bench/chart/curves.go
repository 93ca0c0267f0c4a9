package chart

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Curves is a chart of one or more series over a common x axis.
type Curves struct {
	Title, Note string
	// X and Y name the axes, with their units.
	X, Y string
	// LogX and LogY ask for logarithmic axes. A value of 0 on a logarithmic x
	// axis stands at its left end, a decade below the next, and is labelled 0.
	LogX, LogY bool
	Series     []Series
	// Goal, where above 0, is drawn as a dashed line across.
	Goal      float64
	GoalLabel string
}

// Series is one curve.
type Series struct {
	Name   string
	Points []Point
}

// Point is a measured value; curves are drawn straight from one to the next.
type Point struct{ X, Y float64 }

const plotHeight = 280.0

// SVG draws the chart.
func (q *Curves) SVG() []byte {
	const top = 70.0
	bottom := top + plotHeight
	c := page(bottom+58, q.Title, q.Note)
	y := q.yAxis(bottom, top)
	left := margin + 26
	for _, tick := range y.ticks {
		left = max(left, margin+26+textWidth(short(tick)))
	}
	right := width - margin - q.nameWidth()
	x, zero := q.xAxis(left, right)
	q.grid(c, &x, &y, zero)
	if q.Goal > 0 {
		c.line(left, y.at(q.Goal), right, y.at(q.Goal), "goal")
		c.text(left+6, y.at(q.Goal)-5, "note", q.GoalLabel)
	}
	for i := range q.Series {
		q.draw(c, &x, &y, i)
	}
	q.names(c, &x, &y)
	return c.close()
}

func (q *Curves) nameWidth() float64 {
	w := 20.0
	for _, s := range q.Series {
		w = max(w, textWidth(s.Name)*1.08+14)
	}
	return w
}

// span returns the least value above 0, the greatest value, and whether 0 is among them.
func (q *Curves) span(of func(Point) float64) (low, high float64, zero bool) {
	for _, s := range q.Series {
		for _, p := range s.Points {
			v := of(p)
			high = max(high, v)
			zero = zero || v == 0
			if v > 0 && (low == 0 || v < low) {
				low = v
			}
		}
	}
	return low, high, zero
}

func (q *Curves) yAxis(bottom, top float64) axis {
	low, high, _ := q.span(func(p Point) float64 { return p.Y })
	high = max(high, q.Goal)
	if q.LogY && low > 0 {
		if q.Goal > 0 {
			low = min(low, q.Goal)
		}
		return logarithmic(low, high, bottom, top)
	}
	return linear(high, bottom, top, 6)
}

// xAxis returns the axis, and with zero that its left end stands for 0.
func (q *Curves) xAxis(left, right float64) (x axis, zero bool) {
	low, high, zero := q.span(func(p Point) float64 { return p.X })
	if !q.LogX || low == 0 {
		return linear(high, left, right, 6), false
	}
	if zero {
		low /= 10
	}
	x = logarithmic(low, high, left, right)
	x.low = low // a measured value may stand at the very edge
	x.high = high
	x.ticks = q.places(low, zero)
	return x, zero
}

// places are the x values that were measured: they are few and say more than
// powers of ten.
func (q *Curves) places(low float64, zero bool) []float64 {
	var list []float64
	if zero {
		list = append(list, low)
	}
	for _, s := range q.Series {
		for _, p := range s.Points {
			if p.X > 0 {
				list = append(list, p.X)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (q *Curves) grid(c *canvas, x, y *axis, zero bool) {
	for _, tick := range y.ticks {
		c.line(x.from, y.at(tick), x.to, y.at(tick), "grid")
		c.text(x.from-labelGap, y.at(tick)+4, "tick num end", short(tick))
	}
	free := x.from - 100
	for i, tick := range x.ticks {
		label := short(tick)
		if zero && i == 0 {
			label = "0"
		}
		at := x.at(tick)
		c.line(at, y.from, at, y.from+4, "base")
		if at-textWidth(label)/2 > free { // measured places may stand close
			c.text(at, y.from+19, "tick num mid", label)
			free = at + textWidth(label)/2 + 6
		}
	}
	c.line(x.from, y.from, x.to, y.from, "base")
	c.text((x.from+x.to)/2, y.from+42, "axis mid", q.X)
	mid := (y.from + y.to) / 2
	fmt.Fprintf(c, `<text transform="translate(%s %s) rotate(-90)" class="axis mid">%s</text>`+"\n", px(margin+4), px(mid), escape(q.Y))
}

func (q *Curves) draw(c *canvas, x, y *axis, i int) {
	s := &q.Series[i]
	var path strings.Builder
	for n, p := range s.Points {
		if n > 0 {
			path.WriteByte(' ')
		}
		path.WriteString(px(x.at(p.X)) + "," + px(y.at(p.Y)))
	}
	fmt.Fprintf(c, `<polyline points="%s" class="line %s"/>`+"\n", path.String(), seriesClass(i))
	for _, p := range s.Points {
		c.dot(x.at(p.X), y.at(p.Y), "dot "+seriesClass(i))
	}
}

func seriesClass(i int) string { return fmt.Sprintf("s%d", i%6) }

// names puts each curve's name at its right end, pushed down where two would overlap.
func (q *Curves) names(c *canvas, x, y *axis) {
	type end struct {
		series int
		y      float64
	}
	var ends []end
	for i, s := range q.Series {
		if len(s.Points) > 0 {
			ends = append(ends, end{i, y.at(s.Points[len(s.Points)-1].Y)})
		}
	}
	slices.SortStableFunc(ends, func(a, b end) int { return cmp.Compare(a.y, b.y) })
	const pitch = 16
	for i := range ends {
		if i > 0 {
			ends[i].y = max(ends[i].y, ends[i-1].y+pitch)
		}
	}
	// What was pushed below the axis is pushed up again, from the bottom.
	for i, floor := len(ends)-1, y.from+4; i >= 0; i, floor = i-1, floor-pitch {
		ends[i].y = min(ends[i].y, floor)
	}
	for _, e := range ends {
		s := &q.Series[e.series]
		c.text(x.at(s.Points[len(s.Points)-1].X)+10, e.y+4, "name "+seriesClass(e.series), s.Name)
	}
}
