package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/tidemark-io/tidemark/projector/replay"
)

const (
	// followEvery is how often progress is looked at on a terminal, followSlowly
	// elsewhere, where each look is a line.
	followEvery  = 200 * time.Millisecond
	followSlowly = 5 * time.Second
	// followFirst is the first look: what is quick is told at once.
	followFirst = 50 * time.Millisecond
)

// progress shows how far something is that reads a log: as a bar on a terminal, else
// as lines. Both go to standard error.
type progress struct {
	bar   *progressbar.ProgressBar
	every time.Duration
	last  string
}

func newProgress() *progress {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return &progress{every: followSlowly}
	}
	return &progress{every: followEvery, bar: newBar(-1)}
}

func (m *progress) show(what string, p replay.Progress) {
	if m.bar == nil {
		m.line(what, p)
		return
	}
	m.bar.Describe(strings.TrimSpace(what + " " + doing(&p)))
	if p.Total > 0 {
		m.bar.ChangeMax64(max(p.Total, p.Events, 1))
	}
	_ = m.bar.Set64(p.Events) // a bar that cannot be drawn is nobody's loss
}

// line writes a line where something has changed since the last.
func (m *progress) line(what string, p replay.Progress) {
	if p.Phase == "" && p.Events == 0 {
		return // it has just begun
	}
	text := fmt.Sprintf("%s %s: %d events", what, doing(&p), p.Events)
	if p.Total > 0 {
		text += fmt.Sprintf(" of about %d", p.Total)
	}
	if p.Rate > 0 {
		text += fmt.Sprintf(", %.0f a second", p.Rate)
	}
	if p.SecondsLeft > 0 {
		text += fmt.Sprintf(", %v left", time.Duration(p.SecondsLeft*float64(time.Second)).Round(time.Second))
	}
	if text != m.last {
		fmt.Fprintln(os.Stderr, text)
		m.last = text
	}
}

// doing is what is done at present, or waited for.
func doing(p *replay.Progress) string {
	if p.Waits != "" {
		return "waits for " + p.Waits
	}
	return p.Phase
}

func (m *progress) end() {
	if m.bar != nil {
		_ = m.bar.Exit()
	}
}

// watch shows the progress of something that is done here, until end is called.
func watch(what string) (meter *replay.Meter, end func()) {
	meter = replay.NewMeter(time.Now)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		shown := newProgress()
		defer shown.end()
		ticker := time.NewTicker(shown.every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				shown.show(what, meter.Progress())
			case <-stop:
				return
			}
		}
	}()
	return meter, sync.OnceFunc(func() {
		close(stop)
		<-done
	})
}
