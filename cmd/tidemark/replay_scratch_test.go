package main

import (
	"os"
	"path/filepath"
	"testing"
)

// What a killed report has left goes with the next; one at work is let be.
func TestScratchOfAKilledReportIsRemoved(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	left := filepath.Join(data, "report-1", "model-000001")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := openScratch(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("%s is there still: %v", left, err)
	}
	second, err := openScratch(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.dir); err != nil {
		t.Errorf("the directory of one at work: %v", err)
	}
	for _, s := range []*scratch{first, second} {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
	if names, err := os.ReadDir(data); err != nil || len(names) > 0 {
		t.Errorf("left are %v, %v", names, err)
	}
}
