package readmodel

import (
	"fmt"
	"iter"
	"slices"

	"github.com/tidemark-io/tidemark/events"
)

// A checkpoint holds the rows under their keys, and the flat tables in files
// (tablefile.go): for each table the changes of each checkpoint (a delta), and
// the whole table in stripes, of which every checkpoint rewrites as much as it
// writes changes. A file can go once every stripe has been rewritten since.
// Entries carry state and not differences, so that for each stripe the newest
// whole copy and the deltas since then, in their order, give what stands. Thus a
// checkpoint costs twice its changes and never a copy of a table, and a start
// reads the table about twice at most.
//
// Whole stripes are written before the freeze, while the fold goes on: what it
// changes in them meanwhile is in the delta of the same checkpoint.

// Key spaces of a checkpoint.
const (
	spaceRows     = 'r'
	spaceTables   = 's'
	spaceSeen     = 'h'
	spaceTrending = 't'
)

// stripeVideos and stripeUsers are how many entries one stripe of the tables holds.
const (
	stripeVideos = 8192
	stripeUsers  = 64
)

// Image is what one checkpoint writes: all changes since the one before. It
// comes to be in three steps: Plan, Prepare (beside the fold), Freeze; then
// Write (beside the fold) completes it.
type Image struct {
	// Version numbers the checkpoint, from 1.
	Version uint64
	// At is the position that it holds.
	At events.Position
	// State is the part that is no table; it belongs into the marker. Digest is
	// the state's digest at the position. Both are there once Write succeeded.
	State  []byte
	Digest Digest

	model   *Model
	head    stateHead
	rows    *layer // that changed
	records []entry
	parts   []imagePart
	videos  videoPart
	users   userPart
}

// imagePart is made while the image is written, beside the fold. What it yields
// is the same each time.
type imagePart interface {
	// put yields keys until the function returns false, which it then does too.
	put(yield yieldKey) bool
	// len is the number of keys, once they were yielded.
	len() int
}

// entry is a key to be written. Scores are encoded when it is: they never change.
type entry struct {
	key, value []byte
	scores     []score
}

// Writes yields every key to be written; a nil value is a deletion. Call
// Write first. It panics with a RowsFailure where what lies in the checkpoint
// before cannot be read.
func (i *Image) Writes() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for _, e := range i.records {
			if e.scores != nil {
				e.value = encodeScores(e.scores)
			}
			if !yield(e.key, e.value) {
				return
			}
		}
		for _, p := range i.parts {
			if !p.put(yield) {
				return
			}
		}
		for _, t := range i.tables() {
			if t.written && !yield(t.next.key(), t.next.encode()) {
				return
			}
		}
		i.rows.Ascend(func(r row) bool {
			return yield(append([]byte{spaceRows}, r.key()...), r.value())
		})
	}
}

// Len is the number of keys, once they were written.
func (i *Image) Len() int {
	n := len(i.records) + i.rows.Len()
	for _, p := range i.parts {
		n += p.len()
	}
	for _, t := range i.tables() {
		if t.written {
			n++
		}
	}
	return n
}

func (i *Image) tables() [2]*flatPart { return [2]*flatPart{&i.videos.flatPart, &i.users.flatPart} }

func (i *Image) put(key, value []byte) { i.records = append(i.records, entry{key: key, value: value}) }

// Needs reports whether a file belongs to this checkpoint or to the one before.
// Once this one is written, the others can go.
func (i *Image) Needs(name string) bool {
	for _, t := range i.tables() {
		for _, files := range [][]tableFile{t.log.files, t.next.files} {
			if slices.ContainsFunc(files, func(f tableFile) bool { return fileName(t.log.table, f.version) == name }) {
				return true
			}
		}
	}
	return false
}

// Plan begins an image: it picks what Prepare is to write. Without a plan Freeze
// makes an image of changes alone, which no older file can go for. Between
// Publish and Begin only.
func (m *Model) Plan(version uint64) *Image {
	i := &Image{Version: version, model: m}
	i.videos.plan(m.Videos)
	i.users.plan(m.Users)
	m.image = i
	return i
}

// Prepare writes what is written whole. It runs beside the fold, and has the
// fold run functions between two record batches, each for well below a
// millisecond. An error leaves nothing to clear up: plan another image.
func (i *Image) Prepare(files Files, fold func(func()) error) error {
	err := i.videos.prepare(i, files)
	if err == nil {
		err = i.users.prepare(i, files, fold)
	}
	if err != nil {
		for _, t := range i.tables() {
			t.drop(i, files)
		}
		return fmt.Errorf("write stripes of checkpoint %d: %w", i.Version, err)
	}
	return nil
}

// Freeze hands over all changes since the last checkpoint, to be written while
// the fold goes on. Between Publish and Begin only, and not before the last
// image was kept (Kept). It takes time for what changed in trending and in
// identities, and none for the other tables.
func (m *Model) Freeze(version uint64) *Image {
	i := m.image
	if i == nil || i.Version != version {
		i = &Image{Version: version, model: m}
		i.videos.log, i.users.log = m.Videos.log, m.Users.log
		m.image = i
	}
	i.At = m.at
	i.rows = m.rows.freeze()
	m.Videos.freeze(i)
	m.Users.freeze(i)
	m.seen.freeze(i)
	m.Trending.freeze(i)
	i.head = m.freezeState()
	return i
}

// Write completes the files of a frozen image, and its State and Digest. It
// runs beside the fold, and may be called again after an error.
func (i *Image) Write(files Files) error {
	err := i.videos.write(i, files)
	if err == nil {
		err = i.users.write(i, files)
	}
	if err != nil {
		return fmt.Errorf("write tables of checkpoint %d: %w", i.Version, err)
	}
	i.Digest = i.head.digest
	if c := i.videos.capture; c != nil {
		i.Digest.Tables[0] += c.sum.Load()
	}
	i.State = i.head.encode(i.Digest)
	return nil
}

// Kept tells the model that its image has been written, and where its rows lie
// now. Between Publish and Begin only.
func (m *Model) Kept(base Base) {
	if m.abandoned {
		return // what was published last stays as it is
	}
	old := m.rows.base
	m.rows.frozen = nil
	m.rows.setBase(rowsOf(base))
	m.seen.kept(base)
	if m.Trending.lean {
		m.Trending.keepAway(base)
	}
	if m.image != nil {
		m.Videos.kept(m.image)
		m.Users.kept(m.image)
		m.image = nil
	}
	m.publish(m.snapshot.Load().Tag)
	if old != nil {
		old.Release()
	}
}

// DirtyBytes is about how much the next image will hold.
func (m *Model) DirtyBytes() int {
	return m.rows.bytes + m.seen.freshBytes + m.Users.changes.bytes + deltaSlotSize*len(m.Videos.dirty.list)
}

// rowsBase is the part of a checkpoint that holds the rows.
type rowsBase struct{ Base }

func rowsOf(b Base) Base { return rowsBase{b} }

func (b rowsBase) Get(key []byte) ([]byte, error) {
	return b.Base.Get(append([]byte{spaceRows}, key...))
}

func (b rowsBase) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	return b.Base.Scan(append([]byte{spaceRows}, prefix...), append([]byte{spaceRows}, from...),
		func(key, value []byte) bool { return fn(key[1:], value) })
}
