package oracle

import "time"

// Window is a span of whole steps and the step that has begun.
type Window struct {
	Step  time.Duration
	Steps int64
}

// The windows of the contract.
var (
	Hour = Window{time.Minute, 60}
	Day  = Window{10 * time.Minute, 144}
	Week = Window{time.Hour, 168}
)

// Score counts a video's views in a window by the time at which they happened,
// or its likes that stand (a like stands since the tap that won). The window
// ends at now, in microseconds, or at the log time where that is later.
func (s *State) Score(id ID, byLikes bool, w Window, now int64) (score int64) {
	v := s.Videos[id]
	if v == nil {
		return 0
	}
	first := stepOf(max(now, s.LogTime), w.Step) - w.Steps
	if !byLikes {
		for _, at := range v.views {
			if stepOf(at, w.Step) >= first {
				score++
			}
		}
		return score
	}
	for user, p := range v.likes {
		if p.liked && !s.Accounts[user].Retracted && stepOf(p.time, w.Step) >= first {
			score++
		}
	}
	return score
}

// stepOf numbers the steps; those before 1970 have negative numbers.
func stepOf(micros int64, step time.Duration) int64 {
	width := step.Microseconds()
	n := micros / width
	if micros%width < 0 {
		n--
	}
	return n
}
