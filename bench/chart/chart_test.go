package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sampleBars() *Bars {
	return &Bars{
		Title: "Server CPU per request", Note: "20 IDs of a million videos, 64 connections, <median> of 5 rounds",
		Unit: "µs of server CPU a request (logarithmic)", Log: true,
		Rows: []Bar{
			{Name: "gin, constant answer", Value: 26.6, Low: 26.1, High: 27, Label: "floor", Base: true},
			{Name: "tidemark", Value: 29.1, Low: 28.4, High: 30.1, Label: "1.09 ×", Ours: true},
			{Name: "Redis 7, rueidis & pipelines", Value: 116, Label: "4.4 ×"},
			{Name: "JetStream counters", Value: 3143, Label: "118 ×"},
		},
	}
}

func sampleCurves() *Curves {
	return &Curves{
		Title: "Polls while events are folded", X: "events folded a second", Y: "milliseconds", LogX: true, LogY: true,
		Series: []Series{
			{Name: "p50", Points: []Point{{0, 0.4}, {1000, 0.41}, {30000, 0.45}, {300000, 0.6}}},
			{Name: "p99", Points: []Point{{0, 1.4}, {1000, 1.5}, {30000, 1.9}, {300000, 2.6}}},
		},
		Goal: 2.1, GoalLabel: "goal: 1.5 × undisturbed",
	}
}

func TestChartsAreWellFormedAndRepeatable(t *testing.T) {
	for name, draw := range map[string]func() []byte{
		"bars":   func() []byte { return sampleBars().SVG() },
		"curves": func() []byte { return sampleCurves().SVG() },
		"empty":  func() []byte { return (&Curves{LogX: true, LogY: true, Series: []Series{{Name: "none"}}}).SVG() },
		"no row": func() []byte { return (&Bars{Log: true}).SVG() },
	} {
		svg := draw()
		decoder := xml.NewDecoder(bytes.NewReader(svg))
		for {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, svg)
			}
		}
		if strings.Contains(string(svg), "NaN") || strings.Contains(string(svg), "Inf") {
			t.Errorf("%s: a coordinate is no number:\n%s", name, svg)
		}
		if !bytes.Equal(svg, draw()) {
			t.Errorf("%s: drawn twice, it differs", name)
		}
		if dir := os.Getenv("CHART_DIR"); dir != "" { // for who wants to look at them
			if err := os.WriteFile(filepath.Join(dir, name+".svg"), svg, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAxesHaveRoundTicks(t *testing.T) {
	a := linear(37, 0, 100, 5)
	if a.high != 40 || len(a.ticks) != 5 || a.at(40) != 100 || a.at(0) != 0 {
		t.Errorf("linear: %+v", a)
	}
	l := logarithmic(3, 40, 0, 100)
	if l.low != 2 || l.high != 50 || math.Abs(l.at(10)-50) > 1e-9 {
		t.Errorf("logarithmic: %+v, 10 at %v", l, l.at(10))
	}
	if wide := logarithmic(1, 1e7, 0, 100); len(wide.ticks) != 8 {
		t.Errorf("seven decades have %d ticks", len(wide.ticks))
	}
}

func TestNumbersAreShort(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.31234: "0.312", 1: "1", 26.62: "26.6", 117.9: "118", 1500: "1,500", 10_000: "10 k", 300_000: "300 k", 2_250_000: "2.25 M",
	} {
		if got := short(v); got != want {
			t.Errorf("%v is printed as %q, want %q", v, got, want)
		}
	}
}
