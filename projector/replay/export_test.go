package replay_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// smallParts makes several parts of a short log.
const smallParts = 4 << 10

func export(t testing.TB, s replay.Source, dir string, o replay.ExportOptions) *replay.Manifest {
	t.Helper()
	o.Incarnation = incarnation
	if o.PartBytes == 0 {
		o.PartBytes = smallParts
	}
	m, err := replay.Export(testContext(t), s, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestExportsHoldEveryByte(t *testing.T) {
	t.Parallel()
	log := newHistory(3, 10*time.Minute).grow(200)
	for _, format := range []replay.Format{replay.FormatMessages, replay.FormatParquet} {
		dir := t.TempDir()
		m := export(t, log, dir, replay.ExportOptions{Format: format})
		if !m.Complete || len(m.Parts) < 3 || m.First != 1 || m.Last != 200 {
			t.Errorf("%s: %+v", format, m)
		}
		x, err := replay.OpenExport(dir)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]eventlog.Message(log), mustRead(t, x)); diff != "" {
			t.Errorf("%s: messages differ: %s", format, diff)
		}
		if x.Held() > 0 {
			t.Errorf("%s: %d messages are held although all were read", format, x.Held())
		}
		got, err := read(t, x, 77, 78)
		if sequences(got) != " 77 78" || err != nil {
			t.Errorf("%s: got%s and %v", format, sequences(got), err)
		}
		if _, err := read(t, x, 200, 201); !errors.Is(err, replay.ErrGap) {
			t.Errorf("%s: behind its end: %v", format, err)
		}
		for _, i := range []int{0, 57, 130, 199} {
			point := replay.Point{Time: log[i].Stored}
			want, _ := point.Find(testContext(t), log)
			if seq, err := point.Find(testContext(t), x); seq != want || err != nil {
				t.Errorf("%s: message at %v: %d and %v, want %d", format, point, seq, err, want)
			}
		}
	}
}

// stopping ends a read at a message, as a kill would.
type stopping struct {
	replay.Source
	at uint64
}

var errKilled = errors.New("killed")

func (s stopping) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	return s.Source.Read(ctx, from, to, func(m eventlog.Message) error {
		if m.Seq == s.at {
			return errKilled
		}
		return fn(m)
	})
}

func TestExportGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	log := newHistory(4, 10*time.Minute).grow(200)
	for _, format := range []replay.Format{replay.FormatMessages, replay.FormatParquet, replay.FormatEvents} {
		whole, cut := t.TempDir(), t.TempDir()
		options := replay.ExportOptions{Format: format, From: replay.Point{Seq: 20}, PartBytes: smallParts}
		want := export(t, log, whole, options)
		options.Incarnation = incarnation
		for _, at := range []uint64{21, 90, 150} {
			if _, err := replay.Export(testContext(t), stopping{log, at}, cut, options); !errors.Is(err, errKilled) {
				t.Fatalf("%s: stopped with %v", format, err)
			}
			if _, err := replay.OpenExport(cut); err == nil {
				t.Errorf("%s: one that is not complete was opened", format)
			}
		}
		if got := export(t, log, cut, options); !cmp.Equal(got, want) {
			t.Errorf("%s: manifests differ: %s", format, cmp.Diff(want, got))
		}
		for _, p := range want.Parts {
			a, errA := os.ReadFile(filepath.Join(whole, p.File))
			b, errB := os.ReadFile(filepath.Join(cut, p.File))
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Errorf("%s: %s differs (%v, %v)", format, p.File, errA, errB)
			}
		}
		if again := export(t, log, cut, options); !cmp.Equal(again, want) {
			t.Errorf("%s: a complete one was changed", format)
		}
		options.From = replay.Point{Seq: 21}
		if _, err := replay.Export(testContext(t), log, cut, options); !errors.Is(err, replay.ErrExport) {
			t.Errorf("%s: another range into the same directory: %v", format, err)
		}
	}
}

func TestFlippedByteOfAnExportIsRefused(t *testing.T) {
	t.Parallel()
	log := newHistory(5, 10*time.Minute).grow(100)
	for _, format := range []replay.Format{replay.FormatMessages, replay.FormatParquet} {
		dir := t.TempDir()
		m := export(t, log, dir, replay.ExportOptions{Format: format})
		path := filepath.Join(dir, m.Parts[1].File)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(file); at += 397 {
			file[at] ^= 4
			if err := os.WriteFile(path, file, 0o644); err != nil {
				t.Fatal(err)
			}
			file[at] ^= 4
			x, err := replay.OpenExport(dir)
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(t, x, 1, 100)
			if !errors.Is(err, replay.ErrExport) || len(got) != int(m.Parts[0].Last) {
				t.Fatalf("%s: with byte %d flipped: %d messages and %v", format, at, len(got), err)
			}
		}
	}
}

// An export is not gone on with, nor called complete, where a part was lost or changed.
func TestExportOntoDamagedPartsIsRefused(t *testing.T) {
	t.Parallel()
	log := newHistory(5, 10*time.Minute).grow(100)
	dir := t.TempDir()
	m := export(t, log, dir, replay.ExportOptions{Format: replay.FormatMessages})
	path := filepath.Join(dir, m.Parts[1].File)
	again := replay.ExportOptions{Format: replay.FormatMessages, PartBytes: smallParts, Incarnation: incarnation}
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Export(testContext(t), log, dir, again); !errors.Is(err, replay.ErrExport) {
		t.Errorf("with a part cut short: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Export(testContext(t), log, dir, again); !errors.Is(err, replay.ErrExport) {
		t.Errorf("without a part: %v", err)
	}
}

func TestExportByTimeAndType(t *testing.T) {
	log := newHistory(6, 10*time.Minute).grow(100)
	options := replay.ExportOptions{
		Format: replay.FormatEvents, From: replay.Point{Time: log[29].Stored}, To: replay.Point{Time: log[69].Stored},
		Types: []events.Type{events.TypeVideoViewed, events.TypeVideoLiked},
	}
	m := export(t, log, t.TempDir(), options)
	if m.First != 31 || m.Last != 70 {
		t.Errorf("covers messages %d to %d", m.First, m.Last)
	}
	options.Format = replay.FormatMessages
	if _, err := replay.Export(testContext(t), log, t.TempDir(), options); !errors.Is(err, replay.ErrExport) {
		t.Errorf("messages by type: %v", err)
	}
	options.Format, options.Incarnation = replay.FormatParquet, incarnation
	dir := t.TempDir()
	if m, err := replay.Export(testContext(t), log, dir, options); err != nil || m.Events() == 0 {
		t.Errorf("rows by type: %+v, %v", m, err)
	}
	if _, err := replay.OpenExport(dir); !errors.Is(err, replay.ErrExport) {
		t.Errorf("a choice of types as a source: %v", err)
	}
}

// TestExportedEventsCountAlike: events that are taken in again give the same
// counts, though they come by other messages.
func TestExportedEventsCountAlike(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		log := newHistory(seed, 10*time.Minute).grow(80)
		dir := t.TempDir()
		m := export(t, log, dir, replay.ExportOptions{Format: replay.FormatEvents})
		var lines [][]byte
		err := replay.EachEvent(testContext(t), dir, func(_ *replay.Part, line []byte) error {
			lines = append(lines, bytes.Clone(line))
			return nil
		})
		if err != nil || len(lines) != int(m.Events()) {
			t.Fatalf("seed %d: %d lines of %d events, %v", seed, len(lines), m.Events(), err)
		}
		admin := numbered[events.UserID]('a', 1)
		var again kept
		for rest := lines; len(rest) > 0; {
			n := min(50, len(rest))
			var reader events.CloudEventReader
			in, err := reader.Read(bytes.Join(rest[:n], []byte("\n")), events.CloudEventLines,
				events.CloudEventRules{Now: log[len(log)-1].Stored, Caller: admin, Admin: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, rejected := range in.Rejected {
				if !bytes.Contains(rest[rejected.Index], []byte("job.cancelled")) {
					t.Errorf("seed %d: %s: %s", seed, rejected.Detail, rest[rejected.Index])
				}
			}
			id := batchID(uint64(len(again) + 1))
			again = append(again, eventlog.Message{
				Seq: uint64(len(again) + 1), Stored: log[len(log)-1].Stored, BatchID: id.String(), Subject: eventlog.BatchSubject,
				Data: bareBatch(events.BatchHeader{Incarnation: incarnation, ID: id}, events.Entry{Bytes: in.Frames, Events: in.Events}),
			})
			rest = rest[n:]
		}
		before, after := foldWhole(t, modelConfig(), log), foldWhole(t, modelConfig(), again)
		for n := range 4 {
			id := numbered[events.VideoID]('v', n)
			b, a := countsOf(before, id), countsOf(after, id)
			if b.Counts[events.Views] != a.Counts[events.Views] {
				t.Errorf("seed %d, %v: %v views before, %v after", seed, id, b.Counts, a.Counts)
			}
		}
	}
}
