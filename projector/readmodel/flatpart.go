package readmodel

import "slices"

// flatPart is what an image holds of one flat table.
type flatPart struct {
	log     tableLog // as of the checkpoint before
	whole   []uint32 // the stripes that are written whole, or were planned to be
	planned uint32   // entries of the table at the plan
	file    *fileWriter
	changed bool
	count   uint32 // entries of the table at the freeze
	deltas  []delta
	written bool
	next    tableLog // once written
}

// delta is the body of a block, what changed in one stripe.
type delta struct {
	stripe, entries uint32
	body            []byte
}

// open creates the file of the part, if that is not done yet.
func (t *flatPart) open(i *Image, files Files) (err error) {
	if t.file == nil {
		t.file, err = createTableFile(files, t.log.table, i.Version)
	}
	return err
}

// complete writes the deltas and closes the file. After an error the deltas are
// kept for another try, without the whole stripes: those would be newer than
// the position of the image.
func (t *flatPart) complete(i *Image, files Files) error {
	if !t.changed || t.written {
		return nil
	}
	f, err := t.writeDeltas(i, files)
	if err != nil {
		t.drop(i, files)
		return err
	}
	t.next, t.written, t.deltas = t.log.with(f, t.file.whole(), t.count), true, nil
	t.file = nil
	return nil
}

func (t *flatPart) writeDeltas(i *Image, files Files) (f tableFile, err error) {
	if err := t.open(i, files); err != nil {
		return f, err
	}
	for _, d := range t.deltas {
		if err := t.file.write(d.stripe, blockDelta, d.entries, d.body); err != nil {
			return f, err
		}
	}
	return t.file.finish(i.Version)
}

// drop removes a file that did not get to its end, as far as that goes: what
// went wrong says more, and the file is not named by anything.
func (t *flatPart) drop(i *Image, files Files) {
	if t.file != nil {
		_ = t.file.to.Close()
		_ = files.RemoveFile(fileName(t.log.table, i.Version))
	}
	t.file, t.whole = nil, nil
}

// kept returns the bookkeeping after the image has been written.
func (t *flatPart) kept(log tableLog) tableLog {
	if t.written {
		return t.next
	}
	return log
}

type videoPart struct {
	flatPart
	capture *capture
}

func (t *videoPart) plan(v *Videos) {
	t.log, t.planned = v.log, v.count
	t.whole = v.log.plan(slotBytes*len(v.dirty.list), slotBytes*int(v.count))
}

func (t *videoPart) prepare(i *Image, files Files) error {
	v := i.model.Videos
	body := make([]byte, 0, slotBytes*int(min(t.log.size, t.planned)))
	for _, stripe := range t.whole {
		if err := t.open(i, files); err != nil {
			return err
		}
		body = body[:0]
		first, end := stripe*t.log.size, min(t.planned, (stripe+1)*t.log.size)
		for n := first; n < end; n++ {
			w := v.slot(n).words()
			body = appendWords(body, &w)
		}
		if err := t.file.write(stripe, blockWhole, end-first, body); err != nil {
			return err
		}
	}
	return nil
}

func (v *Videos) freeze(i *Image) {
	t := &i.videos
	t.count, t.changed = v.count, len(v.dirty.list) > 0
	if t.changed {
		t.capture = newCapture(v, v.dirty.hand(nil))
		v.capture = t.capture
	}
}

func (t *videoPart) write(i *Image, files Files) error {
	if t.changed && t.deltas == nil && !t.written {
		t.take()
	}
	return t.complete(i, files)
}

// take collects the changed slots by stripe.
func (t *videoPart) take() {
	size := t.log.size
	for stripe := range stripesOf(t.count, size) {
		body, n := t.capture.take(stripe*size, min(t.count, (stripe+1)*size))
		if n > 0 {
			t.deltas = append(t.deltas, delta{stripe, n, body})
		}
	}
	for kept := t.capture.takeKept(); len(kept) > 0; {
		d := delta{stripe: kept[0].number / size}
		for ; len(kept) > 0 && kept[0].number/size == d.stripe; kept = kept[1:] {
			d.body = appendDelta(d.body, kept[0].number, &kept[0].words)
			d.entries++
		}
		t.deltas = append(t.deltas, d)
	}
}

func (v *Videos) kept(i *Image) {
	if c := v.capture; c != nil {
		v.digest += c.sum.Load()
		v.capture = nil
	}
	v.log = i.videos.kept(v.log)
}

type userPart struct {
	flatPart
	changes userChanges
}

func (t *userPart) plan(u *Users) {
	t.log, t.planned = u.log, u.count
	t.whole = u.log.plan(u.changes.bytes, wholeUserSize*int(u.count)+wholeLikeSize*u.pairs)
}

// prepareBytes bounds how much of the users the fold encodes at a time.
const prepareBytes = 128 << 10

// prepare writes whole stripes of users. The fold encodes them, since likes are
// the fold's alone.
func (t *userPart) prepare(i *Image, files Files, fold func(func()) error) error {
	type encoded struct{ stripe, entries, end uint32 }
	var body []byte
	var stripes []encoded
	for todo := t.whole; len(todo) > 0; {
		if err := t.open(i, files); err != nil {
			return err
		}
		body, stripes = body[:0], stripes[:0]
		err := fold(func() {
			for len(todo) > 0 && len(body) < prepareBytes {
				stripe := todo[0]
				todo = todo[1:]
				first, end := stripe*t.log.size, min(t.planned, (stripe+1)*t.log.size)
				for n := first; n < end; n++ {
					body = appendWholeUser(body, i.model.Users.entry(n))
				}
				stripes = append(stripes, encoded{stripe, end - first, uint32(len(body))})
			}
		})
		if err != nil {
			return err
		}
		from := uint32(0)
		for _, s := range stripes {
			if err := t.file.write(s.stripe, blockWhole, s.entries, body[from:s.end]); err != nil {
				return err
			}
			from = s.end
		}
	}
	return nil
}

func (u *Users) freeze(i *Image) {
	t := &i.users
	t.count, t.changes, t.changed = u.count, u.changes, u.changes.bytes > 0
	u.changes = userChanges{}
}

func (t *userPart) write(i *Image, files Files) error {
	if t.changes.bytes > 0 {
		t.deltas = userDeltas(&t.changes, t.count, t.log.size)
		t.changes = userChanges{}
	}
	return t.complete(i, files)
}

// userDeltas sorts the changes of users, which lie in the order in which they
// came, by stripe and within a stripe by that order.
func userDeltas(changes *userChanges, count, size uint32) []delta {
	deltas := make([]delta, stripesOf(count, size))
	var bytes = make([]uint32, len(deltas))
	changes.each(func(record []byte) { bytes[userRecordNumber(record)/size] += uint32(len(record)) })
	for stripe := range deltas {
		deltas[stripe] = delta{stripe: uint32(stripe), body: make([]byte, 0, bytes[stripe])}
	}
	changes.each(func(record []byte) {
		d := &deltas[userRecordNumber(record)/size]
		d.body = append(d.body, record...)
		d.entries++
	})
	return slices.DeleteFunc(deltas, func(d delta) bool { return d.entries == 0 })
}

func (u *Users) kept(i *Image) { u.log = i.users.kept(u.log) }
