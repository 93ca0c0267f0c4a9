package readmodel

import (
	"errors"
	"fmt"
)

// ErrUnmendable is returned where a model cannot be mended key by key: rebuild it.
var ErrUnmendable = errors.New("what differs cannot be written anew key by key: rebuild the read model")

// Mend writes the keys that were found to differ anew, as the log has them by now,
// and takes over the sums of the digest, so that the two models are equal. The live
// model gets the generation: whoever polls with a position of before gets all anew.
// Both models must be at one position, between Publish and Begin, and no checkpoint
// of the live one under way. It returns how many keys were written.
//
// It fails with ErrUnmendable, and with what could not be read; the generation is
// raised in any case once a key was written.
func (c *Comparison) Mend(generation uint32) (mended int, err error) {
	if c.count > len(c.found) {
		return 0, fmt.Errorf("%w: %d keys differ, and up to %d are mended", ErrUnmendable, c.count, keptDifferences)
	}
	for i := range c.found {
		if !c.found[i].Mendable() {
			return 0, fmt.Errorf("%w: %s %s", ErrUnmendable, c.found[i].Table, c.found[i].ID)
		}
	}
	if c.live.image != nil {
		return 0, errors.New("mend the read model: a checkpoint is under way")
	}
	err = GuardRows(func() {
		for i := range c.found {
			c.found[i].mend(c.live, c.log)
			mended++
		}
		c.live.takeOverSums(c.log)
		c.live.auditEnd = nil // the newest entry may be another one now: it is looked for anew
	})
	if mended > 0 {
		c.live.SetGeneration(generation)
	}
	return mended, err
}

// takeOverSums makes the digest that of a model that holds the same. The sums are
// kept up by differences, so whatever was wrong with an entry stays in them.
func (m *Model) takeOverSums(log *Model) {
	want, have := log.Digest(), m.Digest()
	m.Videos.digest += want.Tables[0] - have.Tables[0]
	m.Users.digest += want.Tables[1] - have.Tables[1]
	m.seen.digest += want.Tables[2] - have.Tables[2]
	m.rows.digest += want.Tables[4] - have.Tables[4]
}
