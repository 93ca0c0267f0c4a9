package events

import "testing"

// BenchmarkReadCloudEvents reads a batch of 1,000 views and likes.
func BenchmarkReadCloudEvents(b *testing.B) {
	body := viewsAndLikes()
	var r CloudEventReader
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if got, err := r.Read(body, CloudEventBatch, testRules); err != nil || got.Events != 1000 {
			b.Fatal(got.Rejected, err)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkAppendBatch encodes 1,000 views, and the record batch around them.
func BenchmarkAppendBatch(b *testing.B) {
	var frames, data []byte
	entries := make([]Entry, 1000)
	b.ReportAllocs()
	for b.Loop() {
		frames = frames[:0]
		for i := range entries {
			start := len(frames)
			frames = AppendEvent(frames, Meta{Type: TypeVideoViewed}, VideoViewed{Video: testID[videoKind](byte(i))})
			entries[i] = Entry{Bytes: frames[start:], Events: 1}
		}
		data = AppendBatch(data[:0], BatchHeader{}, entries)
	}
	b.SetBytes(int64(len(data)))
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkCursor checks a record batch of 1,000 views and decodes them, as the fold does.
func BenchmarkCursor(b *testing.B) {
	var entries []Entry
	for range 1000 {
		entries = append(entries, Entry{Bytes: AppendEvent(nil, Meta{Type: TypeVideoViewed}, VideoViewed{Video: testID[videoKind](1)}), Events: 1})
	}
	data := AppendBatch(nil, BatchHeader{}, entries)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		batch, err := ReadBatch(data)
		if err != nil {
			b.Fatal(err)
		}
		cursor, e, count := batch.Cursor(), Event{}, 0
		for {
			step, err := cursor.Next(&e)
			if step == StepEnd {
				break
			}
			view, decodeErr := Decode[VideoViewed](&e)
			if err != nil || decodeErr != nil || view.Video.IsZero() {
				b.Fatal(err, decodeErr)
			}
			count++
		}
		if count != 1000 {
			b.Fatal(count)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkParseTime(b *testing.B) {
	text := []byte("2026-11-22T12:34:56.123Z")
	for b.Loop() {
		if _, ok := ParseTime(text); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkAppendCloudEvent(b *testing.B) {
	e := Event{Meta: sampleMeta(TypeVideoViewed), data: samples()[TypeVideoViewed].appendTo(nil)}
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		var err error
		if buf, err = AppendCloudEvent(buf[:0], &e, CloudEventDefaults{}); err != nil {
			b.Fatal(err)
		}
	}
}
