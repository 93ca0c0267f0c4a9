//go:build race

package api

// raceEnabled: under the race detector a sync.Pool drops entries on purpose.
const raceEnabled = true
