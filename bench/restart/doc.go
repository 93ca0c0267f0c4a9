// Package restart measures how long the real service takes to be ready again:
// after a clean stop, and after kill -9 with events behind its last checkpoint.
// After each start it asks for counters and compares them with what was
// acknowledged before.
package restart
