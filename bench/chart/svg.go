package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// width of every chart, in pixels: that of a page of documentation.
const width = 760

// palette colours the parts of a chart that differ between light and dark pages.
type palette struct {
	ink, faint, page, frame, grid, base, goal string
	series                                    [6]string
}

// The series colours are Okabe and Ito's, which stay apart for the colour-blind,
// darker or lighter where text in them would be hard to read.
var (
	light = palette{"#1f2328", "#59636e", "#ffffff", "#d1d9e0", "#d8dee4", "#818b98", "#cf222e",
		[6]string{"#0072b2", "#c65102", "#007d5c", "#a3508a", "#8a6d00", "#7a838d"}}
	dark = palette{"#e6edf3", "#9da7b3", "#0d1117", "#30363d", "#252b33", "#6e7681", "#ff7b72",
		[6]string{"#56b4e9", "#f08a3c", "#2bc795", "#d98fc4", "#e2c044", "#8b949e"}}
)

func (p *palette) css() string {
	css := fmt.Sprintf("text,.ink{fill:%s}.range{stroke:%s}.note,.tick,.axis{fill:%s}.page{fill:%s;stroke:%s}"+
		".grid{stroke:%s}.base{stroke:%s}.goal{stroke:%s}\n", p.ink, p.ink, p.faint, p.page, p.frame, p.grid, p.base, p.goal)
	for i, colour := range p.series {
		css += fmt.Sprintf(".line.s%d{stroke:%s}.dot.s%d,.bar.s%d,.name.s%d{fill:%s}\n", i, colour, i, i, i, colour)
	}
	return css
}

// style is what all charts share. An SVG in an image element follows the page's
// colour scheme by the media query alone, so both palettes are in each file.
func style() string {
	return `<style>
text{font:13px system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif}
text.title{font-size:16px;font-weight:600}text.note,text.tick{font-size:12px}
text.end{text-anchor:end}text.mid{text-anchor:middle}text.num{font-variant-numeric:tabular-nums}text.ours,text.name{font-weight:600}
.line{fill:none;stroke-width:2;stroke-linejoin:round}.goal{stroke-width:1.5;stroke-dasharray:5 4}.range{stroke-width:1.2}
` + light.css() + "@media (prefers-color-scheme:dark){\n" + dark.css() + "}\n</style>\n"
}

// canvas is an SVG document that grows by appending.
type canvas struct{ strings.Builder }

// page begins a document of that height, with its name for who cannot see it.
func page(height float64, title, note string) *canvas {
	c := new(canvas)
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %s" width="%d" height="%s" role="img" aria-label="%s">`+"\n",
		width, px(height), width, px(height), escape(title))
	c.WriteString(style())
	fmt.Fprintf(c, `<rect class="page" x="0.5" y="0.5" width="%d" height="%s" rx="6"/>`+"\n", width-1, px(height-1))
	c.text(margin, 30, "title", title)
	if note != "" {
		c.text(margin, 50, "note", note)
	}
	return c
}

func (c *canvas) close() []byte {
	c.WriteString("</svg>\n")
	return []byte(c.String())
}

func (c *canvas) text(x, y float64, class, text string) {
	fmt.Fprintf(c, `<text x="%s" y="%s" class="%s">%s</text>`+"\n", px(x), px(y), class, escape(text))
}

func (c *canvas) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(c, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="%s"/>`+"\n", px(x1), px(y1), px(x2), px(y2), class)
}

func (c *canvas) rect(x, y, w, h float64, class string) {
	fmt.Fprintf(c, `<rect x="%s" y="%s" width="%s" height="%s" class="%s"/>`+"\n", px(x), px(y), px(w), px(h), class)
}

func (c *canvas) dot(x, y float64, class string) {
	fmt.Fprintf(c, `<circle cx="%s" cy="%s" r="3.2" class="%s"/>`+"\n", px(x), px(y), class)
}

// px prints a coordinate to a tenth of a pixel.
func px(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

func escape(text string) string { return escapes.Replace(text) }

// textWidth is about how wide a text is, in pixels at 13 px: SVG cannot be asked.
func textWidth(text string) float64 {
	w := 0.0
	for _, r := range text {
		switch {
		case strings.ContainsRune("iljtfI.,:;'| ", r):
			w += 3.9
		case strings.ContainsRune("mwMW%µ", r):
			w += 10.5
		case r >= 'A' && r <= 'Z':
			w += 8.6
		default:
			w += 7.2
		}
	}
	return w
}
