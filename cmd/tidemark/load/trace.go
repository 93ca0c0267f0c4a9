package load

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Trace is a recorded stream of events, ready to be sent. It is held in
// memory, some 350 bytes an event, because it may be sent shuffled and more
// than once.
type Trace struct {
	// Events are CloudEvents as JSON, one each, in the file's order.
	Events [][]byte
	// LeftOut counts the lines of types that tidemark does not count, by type.
	LeftOut map[string]int
}

// lineLimit is the longest line of a trace, in bytes.
const lineLimit = 1 << 20

// traceLine is a line of a trace; other members are ignored.
type traceLine struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Video     string `json:"video"`
	User      string `json:"user"`
	UnixMilli int64  `json:"ts"`
}

// cloudEvent is an event as POST /v1/events takes it.
type cloudEvent struct {
	SpecVersion string            `json:"specversion"`
	ID          string            `json:"id"`
	Source      string            `json:"source"`
	Type        string            `json:"type"`
	Time        time.Time         `json:"time"`
	Data        map[string]string `json:"data"`
}

// conversion says what becomes of a type of trace line.
type conversion struct {
	event string // the event's type
	item  string // the member of data that holds the item's own ID, if it has one
	user  string // the member of data that holds the user
}

var conversions = map[string]conversion{
	"video_created": {event: "video.published", user: "author_id"},
	"view":          {event: "video.viewed", user: "user_id"},
	"like":          {event: "video.liked", user: "user_id"},
	"unlike":        {event: "video.unliked", user: "user_id"},
	"comment":       {event: "comment.created", item: "comment_id", user: "author_id"},
	"remix":         {event: "remix.created", item: "remix_id", user: "author_id"},
}

// ReadTrace reads a file of trace lines, packed with gzip if its name ends in
// .gz. The source of its events is the one given or, for an empty one,
// trace:<base name of the file>. The error names the line that is wrong.
func ReadTrace(path, source string) (*Trace, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if source == "" {
		source = "trace:" + filepath.Base(path)
	}
	var lines io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if lines, err = gzip.NewReader(file); err != nil {
			return nil, fmt.Errorf("unpack %s: %w", path, err)
		}
	}
	trace, err := readTrace(lines, source)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return trace, nil
}

func readTrace(r io.Reader, source string) (*Trace, error) {
	trace := &Trace{LeftOut: map[string]int{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, lineLimit)
	for number := 1; lines.Scan(); number++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := trace.add(lines.Bytes(), source); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return trace, lines.Err()
}

func (t *Trace) add(text []byte, source string) error {
	var line traceLine
	if err := json.Unmarshal(text, &line); err != nil {
		return err
	}
	c, counts := conversions[line.Type]
	if !counts {
		t.LeftOut[line.Type]++
		return nil
	}
	if line.ID == "" || line.Video == "" {
		return errors.New(`"id" or "video" is missing or empty`)
	}
	event, err := json.Marshal(c.apply(&line, source))
	t.Events = append(t.Events, event)
	return err
}

func (c conversion) apply(line *traceLine, source string) cloudEvent {
	data := map[string]string{"video_id": DeriveID(line.Video)}
	if c.item != "" {
		data[c.item] = DeriveID(line.ID)
	}
	if line.User != "" {
		data[c.user] = DeriveID(line.User)
	}
	return cloudEvent{
		SpecVersion: "1.0", ID: line.ID, Source: source, Type: c.event,
		Time: time.UnixMilli(line.UnixMilli).UTC(), Data: data,
	}
}

// DeriveID is the UUID that stands for a trace's own ID: version 5, in the
// namespace of object identifiers.
func DeriveID(text string) string { return uuid.NewSHA1(uuid.NameSpaceOID, []byte(text)).String() }

// Shuffle puts the events in an order that the seed decides.
func (t *Trace) Shuffle(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(len(t.Events), func(i, j int) { t.Events[i], t.Events[j] = t.Events[j], t.Events[i] })
}
