package readmodel

import (
	"fmt"
	"slices"
)

// Where memory is short (Config.Space), buckets of trending stay in the checkpoint
// once it holds them, and are read back when something changes in them: most are
// never touched again until they are rolled up.

// awayMin is how many scores are worth a way to the checkpoint and back.
const awayMin = 64

// here brings the scores back that were left in the checkpoint. It panics with a
// RowsFailure where they cannot be read.
func (b *tally) here() {
	if b.away != nil {
		b.scores, b.away = b.away(), nil
	}
}

// mustBeHere is for readers, which a model that is lean has none of.
func (b *tally) mustBeHere() {
	if b.away != nil {
		panic("readmodel: trending was asked for of a model that is folded beside another")
	}
}

// keepAway leaves the scores of buckets in the checkpoint that have not changed
// since it was written. In the fold.
func (t *Trending) keepAway(base Base) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.base = base
	for r := range t.parts {
		for w := range t.parts[r] {
			for at, b := range t.parts[r][w].buckets {
				if b.saved && b.summed && len(b.moves) == 0 && len(b.scores) >= awayMin {
					t.leave(b, r, w, at)
				}
			}
		}
	}
}

// leave drops the scores of a bucket, whose sum is known.
func (t *Trending) leave(b *tally, r, w int, at int64) {
	b.scores, b.moves = nil, nil
	b.away = func() []score {
		scores, err := readScores(t.base, r, w, at, b.values)
		if err != nil {
			panic(RowsFailure{err})
		}
		return scores
	}
}

// readScores reads one bucket, which has that many values.
func readScores(src Base, r, w int, at int64, values uint32) ([]score, error) {
	parts := make([][]score, 0, values)
	broken := false
	prefix := trendingKey(r, w, at, 0)
	prefix = prefix[:len(prefix)-4]
	err := src.Scan(prefix, prefix, func(_, value []byte) bool {
		part, ok := decodeScores(value)
		parts, broken = append(parts, part), broken || !ok
		return !broken
	})
	scores := slices.Concat(parts...)
	if err == nil && (broken || len(parts) != int(values) || !inOrder(scores)) {
		err = fmt.Errorf("%w: a bucket of trending is cut short", ErrState)
	}
	return scores, err
}
