package readmodel

import "fmt"

// Comparison compares a model with another that was folded from the same log: the
// live one with what the log says. It goes bucket by bucket, while both are folded
// on: what is equal in a bucket stays equal, since both fold alike. So the live
// fold waits only for one bucket at a time.
type Comparison struct {
	live, log *Model
	// steps compare one table each, bucket by bucket.
	steps []step
	// Buckets counts those that were compared.
	Buckets int

	found []Difference
	count int
	// renumbered: the videos have other numbers in the two models, so that what
	// refers to them by number cannot be compared.
	renumbered bool
	spare      moveSorter
}

// step compares the next bucket of a table. What it returns is run beside the
// fold; more is false when the table is done.
type step func() (beside func() error, more bool)

const (
	// bucketSlots is how many videos or users are compared while the fold waits:
	// some ten microseconds.
	bucketSlots = 512
	// bucketCells is how many likes or identities.
	bucketCells = 2048
	// keptDifferences bounds those that are kept. Where there are more, something
	// else is wrong than a few keys.
	keptDifferences = 10_000
)

// Compare begins a comparison. Both models must be at one position of one log.
func Compare(live, log *Model) *Comparison {
	c := &Comparison{live: live, log: log}
	c.steps = []step{c.rows(), c.videos(), c.users(), c.slabs(), c.identities(), c.trending()}
	return c
}

// Next compares the next bucket. Both models must be at one position, between
// Publish and Begin. It returns what is left to do beside the fold, if anything,
// and false once all is compared. An error says that something cannot be read.
func (c *Comparison) Next() (beside func() error, more bool, err error) {
	err = GuardRows(func() {
		for len(c.steps) > 0 && !more {
			if beside, more = c.steps[0](); !more {
				c.steps = c.steps[1:]
			}
			more = more || beside != nil
		}
	})
	if more {
		c.Buckets++
	}
	return beside, more, err
}

// Of reports whether that is the live model which is compared.
func (c *Comparison) Of(live *Model) bool { return c.live == live }

// Found returns the differences found so far, the first of them where there are
// very many, and how many there are.
func (c *Comparison) Found() (list []Difference, count int) { return c.found, c.count }

func (c *Comparison) note(d Difference) {
	c.count++
	if len(c.found) < keptDifferences {
		c.found = append(c.found, d)
	}
}

// NoteDigests notes in which tables the digests of the two differ at one
// position. Those are sums that are kept up by every change, so that they tell of
// more than what lies in memory now.
func (c *Comparison) NoteDigests(live, log Digest) {
	for t, name := range TableNames {
		if live.Tables[t] != log.Tables[t] {
			c.note(Difference{
				Table: "digest", ID: name, Live: fmt.Sprintf("%016x", live.Tables[t]), Log: fmt.Sprintf("%016x", log.Tables[t]),
				mend: func(_, _ *Model) {}, // once all keys are mended the sums are taken over
			})
		}
	}
	if live.Folded != log.Folded || live.LogTime != log.LogTime {
		c.note(Difference{
			Table: "digest", ID: "head", Live: fmt.Sprintf("%d events up to %v", live.Folded, live.LogTime), Log: fmt.Sprintf("%d events up to %v", log.Folded, log.LogTime),
			mend: func(live, log *Model) { live.folded, live.logTime = log.folded, log.logTime },
		})
	}
}
