package replay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// FuzzManifests: whatever a manifest says, an export is refused, or gives each message
// from the first that it names to the last.
func FuzzManifests(f *testing.F) {
	dir := f.TempDir()
	var lines []byte
	log := fuzzedLog()
	for i := range log {
		lines, _ = AppendMessageLine(lines, &log[i])
	}
	part := packed(f, lines)
	if err := os.WriteFile(filepath.Join(dir, "part"), part, 0o644); err != nil {
		f.Fatal(err)
	}
	sum := sha256.Sum256(part)
	whole := Manifest{
		Version: exportVersion, Format: FormatMessages, Incarnation: "01000000000000000000000000000000", First: 1, Last: 3, Complete: true,
		Parts: []Part{{File: "part", First: 1, Last: 3, FirstStored: log[0].Stored, LastStored: log[2].Stored, Events: 3, SHA256: hex.EncodeToString(sum[:])}},
	}
	b, err := json.Marshal(whole)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(bytes.Replace(b, []byte(`"last":3`), []byte(`"last":18446744073709551615`), 2))
	f.Add(bytes.Replace(b, []byte(`"messages"`), []byte(`"parquet"`), 1))
	f.Add(b[:len(b)/2])
	f.Fuzz(func(t *testing.T, manifest []byte) {
		if err := os.WriteFile(filepath.Join(dir, manifestFile), manifest, 0o644); err != nil {
			t.Fatal(err)
		}
		x, err := OpenExport(dir)
		if err != nil {
			return
		}
		next := x.First
		err = x.Read(context.Background(), x.First, x.Last, func(m eventlog.Message) error {
			if m.Seq != next {
				t.Errorf("message %d is read where message %d comes next", m.Seq, next)
			}
			next++
			return nil
		})
		if err == nil && x.First > 0 && next != x.Last+1 {
			t.Errorf("read up to message %d of %d", next-1, x.Last)
		}
		_, _ = Point{Time: log[1].Stored}.Find(context.Background(), x)
	})
}
