package projector

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// identityLog has so many outside views a record batch, a tenth of them late
// by up to three hours and a tenth repeats; record batches lie a minute apart.
func identityLog(messages, views int) []eventlog.Message {
	var log []eventlog.Message
	for seq := 1; seq <= messages; seq++ {
		at := testTime.Add(time.Duration(seq) * time.Minute)
		var entries []events.Entry
		for i := range views {
			of, n := seq, i
			switch i % 10 {
			case 0:
				of = max(1, seq-1-(seq*7+i)%180)
				n = views + seq*views + i // late
			case 1:
				of = max(1, seq-1-(seq*11+i)%60) // a repeat
				n = i + 1
			}
			m := events.Meta{
				Type: events.TypeVideoViewed, Source: []byte("gateway"), ID: fmt.Append(nil, of, n),
				Time: events.TimeOf(testTime.Add(time.Duration(of) * time.Minute)),
			}
			d := events.VideoViewed{Video: pooled('v', n%50), User: pooled('u', n%70)}
			entries = append(entries, events.Entry{Bytes: events.AppendEvent(nil, m, d), Events: 1})
		}
		log = append(log, ownMessage(uint64(seq), at, entries...))
	}
	return log
}

// sealingModel forgets soon and seals whatever is worth it.
func sealingModel() readmodel.Config {
	cfg := testModelConfig()
	cfg.IdentityBytes, cfg.DedupeHorizon = 1, 2*time.Hour
	return cfg
}

func plentyModel() readmodel.Config {
	cfg := sealingModel()
	cfg.IdentityBytes = 1 << 30
	return cfg
}

func keysOf(i *readmodel.Image) (n int) {
	for range i.Writes() {
		n++
	}
	return n
}

// TestTornSealingLeavesTheCheckpointBefore tears checkpoints that seal, merge
// and forget, and starts again from what is there.
func TestTornSealingLeavesTheCheckpointBefore(t *testing.T) {
	log := identityLog(300, 400)
	k := newKeeper(t)
	k.cfg = sealingModel()
	k.load()
	t.Cleanup(k.remove)
	sealed, torn := 0, 0
	for step := 1; len(k.rest(log)) > 0; step++ {
		rest := k.rest(log)
		foldAll(t, k.fold, rest[:min(20, len(rest))])
		image := k.freeze()
		if step%3 == 0 {
			k.write(image)
			k.reopen()
			sealed = max(sealed, k.fold.model.Snapshot().Sizes.SealedIdentities)
			continue
		}
		if beside := k.rest(log); step%3 == 1 {
			foldAll(t, k.fold, beside[:min(20, len(beside))])
		}
		k.tear(image, step*keysOf(image)/100%keysOf(image))
		torn++
		before := k.version
		k.reopen()
		if k.version != before {
			t.Fatalf("torn checkpoint %d became version %d", before+1, k.version)
		}
		if step%3 == 2 { // in one piece this time, or the log has no end
			foldAll(t, k.fold, k.rest(log)[:min(40, len(k.rest(log)))])
			k.write(k.freeze())
		}
	}
	plain := newFoldWith(plentyModel())
	foldAll(t, plain, log)
	if got, want := k.fold.model.Digest(), plain.model.Digest(); got != want {
		t.Fatalf("digest %v, want %v\n%+v\n%+v", got, want, got, want)
	}
	if sealed < 1000 || torn < 10 {
		t.Errorf("%d identities were sealed, %d checkpoints torn", sealed, torn)
	}
}

// TestDiskOfForgottenIdentitiesIsFreed folds for many horizons: what the store
// takes stops growing.
func TestDiskOfForgottenIdentitiesIsFreed(t *testing.T) {
	k := newKeeper(t)
	k.cfg = sealingModel()
	k.load()
	t.Cleanup(k.remove)
	log := identityLog(2000, 400)
	var largest [2]int64 // in the first and the second half
	for len(k.rest(log)) > 0 {
		foldAll(t, k.fold, k.rest(log)[:20])
		k.write(k.freeze())
		half := int(k.fold.model.At().Seq-1) * 2 / len(log)
		largest[half] = max(largest[half], tablesSize(t, k.dir))
	}
	s := k.fold.model.Snapshot().Sizes
	t.Logf("%d identities, %d sealed, %d and %d bytes of tables", s.Identities, s.SealedIdentities, largest[0], largest[1])
	if s.SealedIdentities*10 < s.Identities*8 {
		t.Errorf("%d identities of %d are sealed", s.SealedIdentities, s.Identities)
	}
	if largest[1] > 2*largest[0] {
		t.Errorf("the store grew from %d to %d bytes", largest[0], largest[1])
	}
}

func tablesSize(t *testing.T, dir string) (size int64) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil { // a compaction may have removed it
			size += info.Size()
		}
	}
	return size
}

// BenchmarkSealedIdentityRepeat asks for identities of which all are sealed:
// each takes a page from the store, beyond a small cache.
func BenchmarkSealedIdentityRepeat(b *testing.B) {
	const messages, views = 200, 1000
	k := newKeeper(b)
	k.cfg = sealingModel()
	k.cfg.DedupeHorizon = horizons
	k.load()
	b.Cleanup(k.remove)
	foldAll(b, k.fold, identityLog(messages, views))
	k.write(k.freeze())
	n := 0
	for b.Loop() {
		of, i := 1+n*7919%messages, 2+n*104729%8 // neither late nor a repeat
		e := events.Event{Meta: events.Meta{
			Type: events.TypeVideoViewed, Source: []byte("gateway"), ID: fmt.Append(nil, of, 10*(n*31%(views/10))+i),
			Time: events.TimeOf(testTime.Add(time.Duration(of) * time.Minute)),
		}}
		if !k.fold.model.SeenBefore(&e) {
			b.Fatal("not seen before")
		}
		n++
	}
}
