package chart

import "fmt"

// Bars is a chart of horizontal bars, one a subject.
type Bars struct {
	Title string
	// Note stands under the title: what was done, on what.
	Note string
	// Unit of the values, such as "µs of server CPU a request".
	Unit string
	// Log draws the length of bars by the logarithm: for values that are far
	// apart. Ratios are printed beside each bar in any case.
	Log  bool
	Rows []Bar
}

// Bar is one subject's value.
type Bar struct {
	Name  string
	Value float64
	// Low and High are the range over the rounds; both 0 for none.
	Low, High float64
	// Label stands at the bar's end, after the value; the ratio, mostly.
	Label string
	// Ours marks the product, Base what the ratios refer to.
	Ours, Base bool
}

const (
	margin    = 24.0
	barPitch  = 27.0
	barHeight = 16.0
	labelGap  = 8.0
)

// SVG draws the chart.
func (b *Bars) SVG() []byte {
	top := 66.0
	bottom := top + barPitch*float64(len(b.Rows))
	c := page(bottom+52, b.Title, b.Note)
	x := b.axis()
	for _, tick := range x.ticks {
		c.line(x.at(tick), top-4, x.at(tick), bottom, "grid")
		c.text(x.at(tick), bottom+17, "tick num mid", short(tick))
	}
	c.text((x.from+x.to)/2, bottom+38, "axis mid", b.Unit)
	for i := range b.Rows {
		b.row(c, &x, &b.Rows[i], top+barPitch*float64(i))
	}
	c.line(x.from, top-4, x.from, bottom, "base")
	return c.close()
}

// axis leaves room for the names at its left and for labels at its right.
func (b *Bars) axis() axis {
	left, right := 0.0, 0.0
	low, high := 0.0, 0.0
	for _, r := range b.Rows {
		left = max(left, textWidth(r.Name))
		right = max(right, textWidth(r.text()))
		high = max(high, r.Value, r.High)
		if r.Value > 0 && (low == 0 || r.Value < low) {
			low = r.Value
		}
	}
	from, to := margin+left*1.04+labelGap, width-margin-right-labelGap
	if b.Log && low > 0 {
		// A bar begins a bit below the smallest value, so that this one has a length.
		return logarithmic(low/2, high, from, to)
	}
	return linear(high, from, to, 5)
}

func (r *Bar) text() string {
	if r.Label == "" {
		return short(r.Value)
	}
	return fmt.Sprintf("%s · %s", short(r.Value), r.Label)
}

func (b *Bars) row(c *canvas, x *axis, r *Bar, y float64) {
	mid := y + barPitch/2 - 2
	class, series := "", "s5"
	if r.Ours {
		class, series = " ours", "s0"
	}
	if r.Base {
		series = "s2"
	}
	c.text(x.from-labelGap, mid+4.5, "end"+class, r.Name)
	c.rect(x.from, mid-barHeight/2, max(1, x.at(r.Value)-x.from), barHeight, "bar "+series)
	end := x.at(r.Value)
	if r.High > r.Low {
		c.line(x.at(r.Low), mid, x.at(r.High), mid, "range")
		for _, v := range []float64{r.Low, r.High} {
			c.line(x.at(v), mid-3, x.at(v), mid+3, "range")
		}
		end = max(end, x.at(r.High))
	}
	c.text(end+labelGap, mid+4.5, "num"+class, r.text())
}
