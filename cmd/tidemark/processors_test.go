package main

import "testing"

func TestOneProcessorMoreWhereOneOfFewFsyncs(t *testing.T) {
	for _, c := range []struct {
		gomaxprocs string
		usual      int
		embedded   bool
		want       int
	}{
		{usual: 1, embedded: true, want: 2},
		{usual: 2, embedded: true, want: 3},
		{usual: 4, embedded: true, want: 5},
		{usual: 5, embedded: true, want: 5},
		{usual: 2, embedded: false, want: 2},
		{gomaxprocs: "2", usual: 2, embedded: true, want: 2},
	} {
		if got := processors(c.gomaxprocs, c.usual, c.embedded); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
}
