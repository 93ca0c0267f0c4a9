package archive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
)

// session is one connection to the server with what was found there. Everything
// that is written goes through it, and the lock on the archive is its own: when
// the connection is lost both are, and the next session looks at everything anew.
type session struct {
	*Archive
	conn       *pgx.Conn
	turn       sync.Mutex // of who moves the position
	position   Position
	doubted    chan struct{} // told when messages are to be judged anew
	partitions map[month]struct{}
	history    history // of the transaction that is written
}

// connectLimit bounds a connect, and each question before the first chunk.
const connectLimit = 10 * time.Second

// session archives until something fails; it never returns nil.
func (a *Archive) session(ctx context.Context) error {
	s := &session{Archive: a, partitions: map[month]struct{}{}, doubted: make(chan struct{}, 1)}
	s.history.init()
	if err := s.open(ctx); err != nil {
		s.close()
		return err
	}
	defer s.close()
	a.note(s.position)
	s.tellDoubt(&s.position)
	ctx, cancel := context.WithCancel(ctx)
	b := newBuffer(a.cfg.ChunkBytes, a.end, s.position.log)
	read := make(chan error, 1)
	go func() {
		err := s.read(ctx, b)
		cancel()
		read <- err
	}()
	var rejudging sync.WaitGroup
	rejudging.Go(func() { s.rejudgeAlways(ctx) })
	err := s.writeAll(ctx, b)
	echo := ctx.Err() != nil // the writer's end is a mere echo of the reader's
	cancel()
	rejudging.Wait()
	if readErr := <-read; echo {
		return readErr
	}
	return err
}

func (s *session) open(ctx context.Context) (err error) {
	connect, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	if s.conn, err = pgx.ConnectConfig(connect, s.conf.ConnConfig); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err := s.claim(connect); err != nil {
		return err
	}
	// Migrations of a large schema take their time.
	if err := migrate(ctx, s.conf.ConnConfig, s.cfg.Schema); err != nil {
		return err
	}
	if _, err := s.conn.Exec(ctx, stageHistory); err != nil {
		return fmt.Errorf("make the staging table: %w", err)
	}
	if s.position, err = readPosition(ctx, s.conn, ""); err != nil {
		return err
	}
	if s.position.log == 0 {
		return s.position.begin(ctx, s.conn, s.cfg.Log.Incarnation())
	}
	if err := s.position.takeEmpty(ctx, s.conn, s.cfg.Log); err != nil {
		return err
	}
	if err := s.whole(ctx); err != nil {
		return err
	}
	if err := s.follow(ctx); err != nil {
		return err
	}
	return s.position.compare(ctx, s.cfg.Log)
}

// claim takes the lock on the archive, which ends with the connection.
func (s *session) claim(ctx context.Context) error {
	var encoding string
	var mine bool
	err := s.conn.QueryRow(ctx, "SELECT current_setting('server_encoding'), pg_try_advisory_lock(hashtext('tidemark archive'), hashtext($1))",
		s.cfg.Schema).Scan(&encoding, &mine)
	switch {
	case err != nil:
		return fmt.Errorf("claim the archive: %w", err)
	case encoding != "UTF8":
		return fmt.Errorf("%w: the database has encoding %s; make one with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", ErrForeign, encoding)
	case !mine:
		return fmt.Errorf("%w: %s", ErrBusy, s.cfg.Schema)
	}
	return nil
}

// whole fails with ErrDamaged where rows lie behind the position, or none at it:
// it moves in the same transaction, so somebody restored one without the other.
func (s *session) whole(ctx context.Context) error {
	var whole bool
	err := s.conn.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM messages WHERE log = $1 AND seq > $2)
AND ($2 = 0 OR EXISTS (SELECT FROM messages WHERE log IN (SELECT log FROM logs) AND seq = $2))`, s.position.log, s.position.Seq).Scan(&whole)
	if err != nil {
		return fmt.Errorf("compare the archive's position with its messages: %w", err)
	}
	if !whole {
		return fmt.Errorf("%w: its position is %d, and its last message is another; restore the whole schema from one backup", ErrDamaged, s.position.Seq)
	}
	return nil
}

// stands fails where the position is not where this session left it, or the
// server is gone: with nothing to archive, nobody else would notice.
func (s *session) stands(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	now, err := readPosition(ctx, s.conn, "")
	if err != nil {
		return err
	}
	if now.log != s.position.log || now.Seq != s.position.Seq {
		return fmt.Errorf("%w: it is %d, this process left it at %d", errMoved, now.Seq, s.position.Seq)
	}
	return nil
}

func (s *session) close() {
	if s.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // what was not committed is not there
}

// read hands the messages behind the position with their judgements to the buffer.
func (s *session) read(ctx context.Context, b *buffer) error {
	next := s.position.Seq + 1
	next, err := s.refold(ctx, next, b)
	if err != nil {
		return err
	}
	judged := spoolReader{spool: s.cfg.Spool}
	defer judged.close()
	var j projector.Judgement
	err = s.cfg.Log.Read(ctx, next, func(m eventlog.Message) error {
		if err := judged.Judgement(ctx, m.Seq, &j); err != nil {
			return err
		}
		return b.add(ctx, &m, &j)
	})
	if errors.Is(err, errUnjudged) {
		s.cfg.Spool.Forget() // the next session folds for itself
	}
	return err
}

// writeAll writes what the buffer holds, at most one transaction each Linger
// unless chunks are full.
func (s *session) writeAll(ctx context.Context, b *buffer) error {
	spare := newChunk()
	due := s.cfg.Now()
	for {
		spare.reset(s.position.log)
		c, err := b.take(ctx, due, s.cfg.Heartbeat, spare)
		if err == nil && c == nil {
			if err = s.stands(ctx); err == nil {
				err = s.followFold(ctx)
			}
		}
		if err != nil {
			return err
		}
		if c == nil {
			continue
		}
		due = s.cfg.Now().Add(s.cfg.Linger)
		if spare, err = s.write(ctx, b, c); err != nil {
			return err
		}
		s.cfg.Spool.Trim(s.position.Seq)
	}
}
