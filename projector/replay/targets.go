package replay

import (
	"slices"
	"strings"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// targetsMost is how many videos, jobs and users an entry of the audit can name.
const targetsMost = events.MaxBatchEvents

// ofNobody are the tables whose keys name no video, job or user.
var ofNobody = []string{"outcome", "expiry of outcome", "batch", "expiry of batch"}

// concerns adds the videos, jobs and users whose keys differ, so that the audit of any of
// them finds who mended it.
func (r *RepairResult) concerns(found []readmodel.Difference) {
	for i := range found {
		if slices.Contains(ofNobody, found[i].Table) {
			continue
		}
		for text := range strings.SplitSeq(found[i].ID, "/") {
			var id [16]byte
			switch {
			case !events.ParseUUID(&id, text) || slices.Contains(r.Targets, id):
			case len(r.Targets) == targetsMost:
				r.MoreTargets = true
				return
			default:
				r.Targets = append(r.Targets, id)
			}
		}
	}
}
