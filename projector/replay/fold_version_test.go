package replay_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/tidemark-io/tidemark/projector/checkpoint"
)

// ageFold makes a checkpoint one of an earlier version of the fold.
func ageFold(t testing.TB, dir string) {
	t.Helper()
	store, err := checkpoint.Open(dir, checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	version, data := store.Latest()
	var marker map[string]json.RawMessage
	if err := json.Unmarshal(data, &marker); err != nil {
		t.Fatal(err)
	}
	marker["FoldVersion"] = json.RawMessage("0")
	if data, err = json.Marshal(marker); err != nil {
		t.Fatal(err)
	}
	nothing := func(func(key, value []byte) bool) {}
	if _, err = store.Write(context.Background(), version+1, nothing, data); err != nil {
		t.Fatal(err)
	}
}
