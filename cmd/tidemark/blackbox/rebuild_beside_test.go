package blackbox

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// Everything that an administrator does goes on while the log is folded once more:
// each verify finds nothing, each rebuild is equal, and no two runs that change the
// serving model go side by side.
func TestRebuildsAndVerificationsBesideBlocksDeletesAndRedrives(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	w := worldOf(t, start(t, "--nats-url", n.url))
	var videos, users []string
	for range 5 {
		videos, users = append(videos, newID()), append(users, newID())
	}
	stop := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			video, user := videos[i%len(videos)], users[(i/2)%len(users)]
			admin, liker := w.admin(), &Caller{w: w, ID: user, token: mint(user)}
			w.service().views(video)
			liker.do("PUT", "/v1/videos/"+video+"/like", nil).wantOneOf(202, 403, 410)
			liker.do("PUT", "/v1/videos/"+video+"/comments/"+newID(), obj{}).wantOneOf(202, 403, 410)
			admin.post("/v1/admin/users/batch-"+[]string{"block", "unblock"}[i%2], obj{"user_ids": []string{user}, "reason": "r", "retract": i%4 < 2}).wantOneOf(200, 202, 422)
			other := newID()
			w.service().views(other)
			admin.post("/v1/admin/videos/batch-delete", obj{"video_ids": []string{other}, "reason": "r"}).wantOneOf(200, 202)
			if i%3 == 0 {
				admin.post("/v1/admin/videos/batch-restore", obj{"video_ids": []string{other}, "reason": "r"}).wantOneOf(200, 202)
			}
			n.publish(recordBatch(aheadView(video, newID(), time.Duration(i%3)*time.Second-time.Second), aheadView(video, newID(), 0)))
			admin.post("/v1/admin/dead-letters/redrive", obj{"all": true, "limit": 5, "reason": "r"}).wantOneOf(200, 202)
		}
	})
	for round := range 3 {
		w.replay("verify").exits(exitFine).says("differences    0")
		w.replay("rebuild", "--reason", fmt.Sprint("round ", round)).exits(exitFine).says("equal", "switched")
		if round == 1 {
			w.replay("rebuild", "--rollback", "--reason", "back").exits(exitFine).says("equal", "switched")
		}
	}
	close(stop)
	busy.Wait()
	w.replay("repair", "--reason", "nothing to repair").exits(exitFine).says("repaired       0 keys")
}
