package blackbox

import (
	"strings"
	"testing"
)

func TestBlocksReportEachOutcome(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, a, b := w.user(), newID(), newID()
	block := func(ids ...string) *Answer {
		return user.post("/v1/blocks/batch", obj{"user_ids": ids}).want(200)
	}
	unblock := func(ids ...string) *Answer {
		return user.post("/v1/blocks/batch-unblock", obj{"user_ids": ids}).want(200)
	}
	block(a, user.ID).has(obj{"blocked_count": 1, "success": true, "results": obj{a: "blocked", user.ID: "self"}})
	block(a, b).has(obj{"blocked_count": 1, "results": obj{a: "already_blocked", b: "blocked"}})
	wantColumn(t, user.pages("/v1/blocks?limit=1", "blocks"), "user_id", b, a)
	unblock(a, newID()).has(obj{"unblocked_count": 1, "success": true})
	unblock(a).has(obj{"unblocked_count": 0, "results": obj{a: "not_blocked"}})
	blocks := user.pages("/v1/blocks?limit=50", "blocks")
	wantColumn(t, blocks, "user_id", b)
	wantTime(t, "created_at", blocks[0]["created_at"])
	wantColumn(t, w.user().pages("/v1/blocks?limit=50", "blocks"), "user_id")
}

func TestABlockInTwoSpellingsIsOne(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, id := w.user(), "abcdef00-"+newID()[9:]
	upper := strings.ToUpper(id)
	user.post("/v1/blocks/batch", obj{"user_ids": []string{id, upper, id}}).want(200).
		has(obj{"blocked_count": 1, "results": obj{id: "blocked", upper: "blocked"}})
	user.post("/v1/blocks/batch-unblock", obj{"user_ids": []string{upper, id}}).want(200).
		has(obj{"unblocked_count": 1, "results": obj{id: "unblocked", upper: "unblocked"}})
	own := strings.ToUpper(user.ID)
	user.post("/v1/blocks/batch", obj{"user_ids": []string{own}}).want(200).
		has(obj{"blocked_count": 0, "results": obj{own: "self"}})
}
