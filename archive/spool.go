package archive

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tidemark-io/tidemark/projector"
)

// Spool keeps what the fold that serves has made of each message until the
// archive has come that far: in files, since the archive may be days behind and
// the fold does not go back for it. It holds judgements in a row, without a gap.
//
// A spool that cannot be written to, or has lost its end with the power, starts
// anew where the fold is. What it then lacks, the archive has judged by a fold of
// its own; so nothing but time depends on these files.
type Spool struct {
	dir    string
	logger *slog.Logger

	mu       sync.Mutex
	segments []segment // in order; the last one is written to
	file     *os.File  // of the last one; nil if there is none
	bytes    int64     // of the last one
	first    uint64    // that is kept, or that comes next
	last     uint64    // first-1 if none is kept
	grown    chan struct{}
	record   []byte
	now      func() time.Time
	said     time.Time // when it was said last that judgements cannot be kept
	lost     int       // since then
}

// segment is one file of a spool: judgements from first on.
type segment struct{ first uint64 }

func (s segment) name() string { return fmt.Sprintf("%020d.judged", s.first) }

const (
	// segmentBytes bounds a file: the archive removes those that it is past.
	segmentBytes = 16 << 20
	spoolHead    = 8 // length and checksum before each record
	// recordMost bounds a record: a retraction may change every video.
	recordMost = 1 << 30
)

// NewSpool returns the spool in a directory. It is opened by Begin.
func NewSpool(dir string, logger *slog.Logger) *Spool {
	return &Spool{dir: dir, logger: logger, now: time.Now, grown: make(chan struct{}), first: math.MaxUint64, last: math.MaxUint64}
}

// Begin opens the spool, whose directory is made where it is not there, for a
// fold that has folded up to that message. It comes before the first Append.
func (s *Spool) Begin(folded uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of judgements: %w", err)
	}
	s.first, s.last = 0, 0
	if err := s.find(folded); err != nil {
		return err
	}
	if s.last != folded || len(s.segments) == 0 {
		return s.restart(folded + 1)
	}
	return nil
}

// find reads which segments there are, and cuts off what lies behind the message
// that is folded: the fold comes to it again, and may find another message there
// where the log has lost its end meanwhile.
func (s *Spool) find(folded uint64) error {
	names, err := filepath.Glob(filepath.Join(s.dir, "*.judged"))
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		var seg segment
		if _, err := fmt.Sscanf(filepath.Base(name), "%020d.judged", &seg.first); err != nil || seg.first == 0 {
			continue
		}
		if seg.first <= folded || len(s.segments) == 0 {
			s.segments = append(s.segments, seg)
		} else if err := os.Remove(name); err != nil {
			return fmt.Errorf("remove judgements of messages that will be folded again: %w", err)
		}
	}
	if len(s.segments) == 0 {
		return nil
	}
	newest := s.segments[len(s.segments)-1]
	s.first, s.last = s.segments[0].first, newest.first-1
	if s.file, err = os.OpenFile(filepath.Join(s.dir, newest.name()), os.O_RDWR, 0); err != nil {
		return fmt.Errorf("open judgements: %w", err)
	}
	r := spoolReader{file: s.file, next: newest.first}
	var j projector.Judgement
	for s.last < folded && r.read(&j) == nil {
		s.last, s.bytes = j.Seq, r.at
	}
	if err := s.file.Truncate(s.bytes); err != nil {
		return fmt.Errorf("cut the end off judgements: %w", err)
	}
	return nil
}

// Append keeps a judgement; one that is there already is passed over. It is the
// fold's, and so never fails: see Spool.
func (s *Spool) Append(j *projector.Judgement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.Seq <= s.last {
		return
	}
	err := error(nil)
	if j.Seq != s.last+1 {
		err = s.restart(j.Seq)
	}
	if err == nil {
		err = s.write(j)
	}
	if err != nil {
		s.failed(j.Seq, err)
		_ = s.restart(j.Seq + 1)
	}
	close(s.grown)
	s.grown = make(chan struct{})
}

// failedEvery is how often it is said that judgements cannot be kept: on a full disk
// none can, of as many messages as come.
const failedEvery = time.Minute

// failed says that a judgement could not be kept, and how many since it was said last.
func (s *Spool) failed(seq uint64, err error) {
	s.lost++
	now := s.now()
	if !s.said.IsZero() && now.Sub(s.said) < failedEvery {
		return
	}
	s.logger.Error("judgements cannot be kept for the archive; it will fold the log again for them", "sequence", seq, "judgements", s.lost, "error", err)
	s.said, s.lost = now, 0
}

func (s *Spool) write(j *projector.Judgement) error {
	if s.file == nil || s.bytes >= segmentBytes {
		if err := s.rotate(j.Seq); err != nil {
			return err
		}
	}
	s.record = j.AppendTo(append(s.record[:0], make([]byte, spoolHead)...))
	body := s.record[spoolHead:]
	binary.BigEndian.PutUint32(s.record, uint32(len(body)))
	binary.BigEndian.PutUint32(s.record[4:], crc32.ChecksumIEEE(body))
	if _, err := s.file.WriteAt(s.record, s.bytes); err != nil {
		return err
	}
	s.bytes += int64(len(s.record))
	s.last = j.Seq
	return nil
}

func (s *Spool) rotate(first uint64) error {
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
	seg := segment{first}
	file, err := os.OpenFile(filepath.Join(s.dir, seg.name()), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	s.file, s.bytes = file, 0
	s.segments = append(s.segments, seg)
	return nil
}

// restart forgets everything; next is what comes next.
func (s *Spool) restart(next uint64) error {
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
	var errs []error
	for _, seg := range s.segments {
		errs = append(errs, os.Remove(filepath.Join(s.dir, seg.name())))
	}
	s.segments, s.first, s.last = nil, next, next-1
	return errors.Join(errs...)
}

// Forget drops what is kept: it is damaged, or of messages that the log has lost.
func (s *Spool) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.restart(s.last + 1); err != nil {
		s.logger.Warn("judgements cannot be removed", "error", err)
	}
}

// First is the first message whose judgement is kept, or will be.
func (s *Spool) First() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

// Last is the last message that was judged.
func (s *Spool) Last() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Bytes is how much the files take, about.
func (s *Spool) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(max(len(s.segments)-1, 0))*segmentBytes + s.bytes
}

// Trim lets go of what lies in files that end at or before that message.
func (s *Spool) Trim(upTo uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.segments) > 1 && s.segments[1].first <= upTo+1 {
		if err := os.Remove(filepath.Join(s.dir, s.segments[0].name())); err != nil {
			s.logger.Warn("judgements that are archived cannot be removed", "error", err)
		}
		s.segments = s.segments[1:]
		s.first = s.segments[0].first
	}
}

// Close closes the files.
func (s *Spool) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
}

// await waits until the message is judged, and returns the segment that has it.
func (s *Spool) await(ctx context.Context, seq uint64) (segment, error) {
	for {
		s.mu.Lock()
		grown, first, last := s.grown, s.first, s.last
		var found segment
		for _, seg := range s.segments {
			if seg.first <= seq {
				found = seg
			}
		}
		s.mu.Unlock()
		switch {
		case seq < first:
			return found, fmt.Errorf("%w: message %d, they begin at %d", errUnjudged, seq, first)
		case seq <= last:
			return found, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return found, ctx.Err()
		}
	}
}

// errUnjudged: the spool does not hold the judgement any more, or it is damaged.
var errUnjudged = errors.New("judgement is not kept")
