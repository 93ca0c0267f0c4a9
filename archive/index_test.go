package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/archive/archivetest"
	"github.com/tidemark-io/tidemark/cmd/tidemark/load"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// copied is a log in memory, which scans of it would read over and over.
type copied []eventlog.Message

func (c copied) Bounds(context.Context) (first, last uint64, err error) {
	return 1, uint64(len(c)), nil
}

func (c copied) Read(_ context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	for _, m := range c[from-1 : to] {
		if err := fn(m); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) messages() (c copied) {
	w.t.Helper()
	_, last, err := w.log.Bounds(testContext(w.t))
	if err == nil {
		err = replay.FromLog(w.log).Read(testContext(w.t), 1, last, func(m eventlog.Message) error {
			c = append(c, m)
			return nil
		})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// explained explains an entity by a scan of the log and by the archive's index, and
// fails where the two differ.
func (w *world) explained(log copied, e replay.Entity) (byScan, byIndex *replay.Explanation) {
	w.t.Helper()
	var told [2]*replay.Explanation
	var text [2]string
	for i, index := range []replay.Index{nil, w.archive.Index()} {
		source := w.archive.Whole()
		if index == nil {
			source = log
		}
		x, err := replay.Explain(testContext(w.t), source, replay.ExplainRequest{Entity: e, Views: new(1 << 20)},
			replay.Options{Model: modelConfig(w.log), Index: index})
		if err != nil {
			w.t.Fatalf("%v: %v", e, err)
		}
		plain := *x
		plain.Reading = replay.Reading{}
		b, err := json.Marshal(&plain)
		if err != nil {
			w.t.Fatal(err)
		}
		told[i], text[i] = x, string(b)
	}
	if text[0] != text[1] {
		w.t.Errorf("%v: a scan tells\n%s\nand by %+v comes\n%s", e, text[0], told[1].Reading, text[1])
	}
	return told[0], told[1]
}

// effects are what the fold that serves made of the events archived.
func (w *world) effects() map[events.Position]string {
	w.t.Helper()
	conn := w.connect()
	defer conn.Close(context.Background())
	rows, err := conn.Query(testContext(w.t), "SELECT seq, idx, effect FROM events")
	if err != nil {
		w.t.Fatal(err)
	}
	effects := map[events.Position]string{}
	var at events.Position
	var effect string
	_, err = pgx.ForEachRow(rows, []any{&at.Seq, &at.Index, &effect}, func() error {
		effects[at] = effect
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return effects
}

// randomID is the ID of a command that nobody repeats.
func randomID() (id events.CommandID) {
	_, _ = rand.Read(id[:]) // it never fails
	return id
}

// summarize has the filters cover what was written since they were made.
func (w *world) summarize() {
	w.t.Helper()
	w.sql(`SELECT brin_summarize_new_values(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
JOIN pg_am ON pg_am.oid = relam WHERE amname = 'brin' AND relkind = 'i'`)
}

// TestTheIndexExplainsAsAScanDoes, for everything that the log names, and what came of
// each event is what the fold that serves made of it. Some keys stand for two requests,
// which no index names: a scan then takes over, and most must not need one.
func TestTheIndexExplainsAsAScanDoes(t *testing.T) {
	for seed := range uint64(2) {
		w := newWorld(t, database(t))
		g := newTraffic(13 + seed)
		w.start()
		w.commitMany(g, 120)
		w.outside(outsideBatch(3, g.entry()))
		w.caughtUp()
		w.summarize()
		effects, log := w.effects(), w.messages()
		indexed, asked := 0, 0
		for n := range 3 {
			for _, e := range []replay.Entity{replay.Video(id16('v', n)), replay.User(id16('u', n)), replay.Job(id16('j', n))} {
				scanned, found := w.explained(log, e)
				asked++
				switch r := found.Reading; {
				case r.Way == replay.WayIndex:
					indexed++
				case r.Because == "":
					t.Errorf("seed %d, %v: scanned without a reason: %+v", seed, e, r)
				}
				for _, x := range scanned.Events {
					if effects[x.Position] != x.Effect {
						t.Errorf("seed %d, %v: %s at %v is said to be %s, and was %s when it was archived", seed, e, x.Type, x.Position, x.Effect, effects[x.Position])
					}
				}
			}
		}
		if indexed <= asked/2 {
			t.Errorf("seed %d: only %d of %d were explained by the index", seed, indexed, asked)
		}
	}
}

// TestTheIndexTellsEveryVideoOfARealTraceAsAScanDoes, half of it by the archive and the
// other half, which is not archived, by the log alone.
func TestTheIndexTellsEveryVideoOfARealTraceAsAScanDoes(t *testing.T) {
	w := newWorld(t, database(t))
	trace, err := load.ReadTrace("../cmd/tidemark/load/testdata/kuairand-cut.ndjson", "")
	if err != nil {
		t.Fatal(err)
	}
	w.start()
	half := len(trace.Events) / 2
	w.commitTrace(trace.Events[:half])
	w.commitTrace(trace.Events[:half/10]) // some of it twice
	w.caughtUp()
	archived := w.archive.Status().Position.Seq
	w.summarize()
	w.archiveNoMore()
	w.commitTrace(trace.Events[half:])
	_, last, err := w.log.Bounds(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.projector.WaitFor(testContext(t), events.Position{Seq: last}); err != nil {
		t.Fatal(err)
	}
	model, log := w.projector.Model(), w.messages()
	for n := range uint32(model.Videos.Len()) {
		_, found := w.explained(log, replay.Video(model.Videos.ID(n)))
		if r := found.Reading; r.Way != replay.WayIndex || r.Indexed != archived || r.Last != last || r.Messages >= uint64(r.Passes)*last {
			t.Errorf("%v was read by %+v, where %d of %d messages are archived", found.Entity, r, archived, last)
		}
		if found.Sum() != found.Video.Counters {
			t.Errorf("%v: %+v is shown, and the events add up to %+v", found.Entity, found.Video.Counters, found.Sum())
		}
	}
}

// archiveNoMore leaves an archive that can be read.
func (w *world) archiveNoMore() {
	w.t.Helper()
	w.stopArchive()
	a, err := New(Config{URL: w.url, Log: w.log})
	if err != nil {
		w.t.Fatal(err)
	}
	w.archive, w.stopArch = a, a.Close
}

// commitTrace commits events as a service takes them in, a few to a record batch.
func (w *world) commitTrace(list [][]byte) {
	w.t.Helper()
	var reader events.CloudEventReader
	for len(list) > 0 {
		n := min(len(list), 20)
		in, err := reader.Read(bytes.Join(list[:n], []byte("\n")), events.CloudEventLines, events.CloudEventRules{Now: time.Now()})
		if err != nil || len(in.Rejected) > 0 {
			w.t.Fatalf("read the trace: %v, rejected %v", err, in.Rejected)
		}
		c := events.Command{Kind: events.IngestEvents, ID: randomID(), Privileged: true, Time: events.TimeOf(time.Now()), Events: in.Events}
		if _, err := w.writer.Commit(testContext(w.t), events.Entry{Head: events.AppendCommand(nil, c), Bytes: in.Frames, Events: in.Events}); err != nil {
			w.t.Fatal(err)
		}
		list = list[n:]
	}
}

// TestAKeyThatWasUsedForTwoRequests makes of the second one a conflict, whose cause names
// another video: no index of what events name leads there.
func TestAKeyThatWasUsedForTwoRequests(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	like := func(request, video int) {
		c := events.Command{
			Kind: events.LikeVideo, ID: events.CommandID{7}, Keyed: true, Request: events.RequestHash{byte(request)},
			Actor: id16('u', 1), Time: events.TimeOf(time.Now()), Events: 1,
		}
		d := events.VideoLike{Video: id16('v', video), User: c.Actor}
		b := events.AppendEvent(events.AppendCommand(nil, c), events.Meta{Type: events.TypeVideoLiked, Time: c.Time, Arrival: true}, d)
		if _, err := w.writer.Commit(testContext(t), events.Entry{Bytes: b, Events: 1}); err != nil {
			t.Fatal(err)
		}
	}
	like(1, 1)
	like(2, 2)
	w.caughtUp()
	_, x := w.explained(w.messages(), replay.Video(id16('v', 2)))
	if x.Video.Likes != 0 || x.Reading.Way != replay.WayScan || !strings.Contains(x.Reading.Because, "does not name") {
		t.Errorf("%+v is shown, read by %+v", x.Video, x.Reading)
	}
}

// TestAMonthOfEventsThatWasDropped is told by a scan of its messages.
func TestAMonthOfEventsThatWasDropped(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	w.commit(newTraffic(6), 30)
	w.caughtUp()
	w.sql("DROP TABLE events_" + monthOf(time.Now()).suffix())
	_, x := w.explained(w.messages(), replay.Video(id16('v', 1)))
	if x.Reading.Way != replay.WayScan || !strings.Contains(x.Reading.Because, "were dropped") {
		t.Errorf("read by %+v", x.Reading)
	}
}

// TestExplanationsGoOnWithoutADatabase by scans, which say why.
func TestExplanationsGoOnWithoutADatabase(t *testing.T) {
	server := archivetest.New(t, t.TempDir())
	server.Init()
	server.Launch()
	w := newWorld(t, server.URL("postgres"))
	w.start()
	g := newTraffic(5)
	w.commit(g, 20)
	w.caughtUp()
	video := replay.Video(id16('v', 1))
	if _, x := w.explained(w.messages(), video); x.Reading.Way != replay.WayIndex {
		t.Errorf("read by %+v", x.Reading)
	}
	server.Kill()
	if _, x := w.explained(w.messages(), video); x.Reading.Way != replay.WayScan || !strings.Contains(x.Reading.Because, "cannot be asked") {
		t.Errorf("without a database read by %+v", x.Reading)
	}
}
