package archive

import (
	"encoding/json"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// TestTheIndexExplainsAsAScanDoes, for everything that the log names.
func TestTheIndexExplainsAsAScanDoes(t *testing.T) {
	w := newWorld(t, database(t))
	g := newTraffic(13)
	w.start()
	w.commitMany(g, 120)
	w.outside(outsideBatch(3, g.entry()))
	w.caughtUp()
	w.sql(`SELECT brin_summarize_new_values(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
JOIN pg_am ON pg_am.oid = relam WHERE amname = 'brin' AND relkind = 'i'`)
	var entities []replay.Entity
	for n := range 3 {
		entities = append(entities, replay.Video(events.VideoID(id16('v', n))), replay.User(id16('u', n)), replay.Job(id16('j', n)))
	}
	source := replay.FromLog(w.log)
	for _, e := range entities {
		scan := replay.ExplainOptions{Options: replay.Options{Model: modelConfig(w.log)}}
		byIndex := scan
		byIndex.Index = w.archive.Index()
		want, err := replay.Explain(testContext(t), source, e, scan)
		if err != nil {
			t.Fatalf("%v: %v", e, err)
		}
		got, err := replay.Explain(testContext(t), w.archive.Source(), e, byIndex)
		if err != nil {
			t.Fatalf("%v by the index: %v", e, err)
		}
		if a, b := shown(t, want), shown(t, got); a != b {
			t.Errorf("%v: a scan tells\n%s\nthe index\n%s", e, a, b)
		}
	}
}

func shown(t *testing.T, x *replay.Explanation) string {
	t.Helper()
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
