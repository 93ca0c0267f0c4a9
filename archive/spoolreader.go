package archive

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/tidemark-io/tidemark/projector"
)

// spoolReader reads the judgements of one file after the other.
type spoolReader struct {
	spool   *Spool
	segment segment
	file    *os.File
	at      int64
	next    uint64 // the first one not read of the file
	buffer  []byte
}

// Judgement waits until the message is judged and reads what became of it.
// Messages are asked for in order.
func (r *spoolReader) Judgement(ctx context.Context, seq uint64, into *projector.Judgement) error {
	seg, err := r.spool.await(ctx, seq)
	if err != nil {
		return err
	}
	if r.file == nil || seg != r.segment || seq < r.next {
		r.close()
		if r.file, err = os.Open(filepath.Join(r.spool.dir, seg.name())); err != nil {
			return fmt.Errorf("%w: %w", errUnjudged, err)
		}
		r.segment, r.at, r.next = seg, 0, seg.first
	}
	for r.next <= seq {
		if err := r.read(into); err != nil {
			return fmt.Errorf("%w: message %d: %w", errUnjudged, r.next, err)
		}
	}
	return nil
}

// read reads the next judgement of the file.
func (r *spoolReader) read(into *projector.Judgement) error {
	var head [spoolHead]byte
	if _, err := r.file.ReadAt(head[:], r.at); err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	if n > recordMost {
		return projector.ErrJudgement
	}
	if n > cap(r.buffer) {
		r.buffer = make([]byte, n)
	}
	body := r.buffer[:n]
	if _, err := r.file.ReadAt(body, r.at+spoolHead); err != nil {
		return err
	}
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(head[4:]) {
		return projector.ErrJudgement
	}
	if err := into.Parse(body); err != nil {
		return err
	}
	if into.Seq != r.next {
		return projector.ErrJudgement
	}
	r.at += int64(spoolHead + n)
	r.next++
	return nil
}

func (r *spoolReader) close() {
	if r.file != nil {
		_ = r.file.Close()
		r.file = nil
	}
}
