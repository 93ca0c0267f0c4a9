// Package curves measures how the cost of a poll grows with what surrounds it:
// the number of videos, of connections, and of events that are folded meanwhile,
// also of such that make the table grow.
package curves
