package world

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

func TestAnEntryTakesAbout145Bytes(t *testing.T) {
	var answer []byte
	videos := Videos(1_000_000).NewDraw(1).Distinct(20)
	answer = AppendBatchAnswer(answer, videos)
	if !json.Valid(answer) || len(answer) < 2_850 || len(answer) > 2_950 {
		t.Errorf("answer of %d bytes: %s", len(answer), answer)
	}
}

func TestDrawsReachPopularAndRareVideos(t *testing.T) {
	const n = 1000
	draw := Videos(n).NewDraw(1)
	counts := make(map[int]int)
	for range 200_000 {
		v := draw.Video()
		if v < 0 || v >= n {
			t.Fatalf("drew %d of %d videos", v, n)
		}
		counts[v]++
	}
	if len(counts) != n {
		t.Errorf("%d of %d videos were drawn", len(counts), n)
	}
	if counts[0] < 100*counts[int(500*611_953%n)] {
		t.Errorf("the first is drawn %d times, the 500th %d times", counts[0], counts[int(500*611_953%n)])
	}
}

func TestARenumberedBatchIsOneBuiltAnew(t *testing.T) {
	at := time.Unix(1_700_000_000, 0).UTC()
	batch := NewViewBatch("s", []int{3, 1, 2}, at)
	batch.Renumber(1 << 40)
	var want []byte
	for i, v := range batch.Videos {
		want = AppendView(want, "s", 1<<40+uint64(i), v, at)
	}
	if !bytes.Equal(batch.Body, want) {
		t.Errorf("got %s want %s", batch.Body, want)
	}
	for line := range bytes.Lines(batch.Body) {
		if !json.Valid(line) {
			t.Errorf("no JSON: %s", line)
		}
	}
}
