// Package blackbox tests the built binary by what the public contract
// promises: it starts real processes on real data directories and speaks HTTP
// to them. It knows nothing of the code inside, but where it damages data
// (damage_test.go).
//
// A test reads like the contract. A [World] is a test's view of one service;
// it mints callers (user, service, admin, anonymous), and sends the position
// of its last command with every query, so that it reads its own writes. Most
// tests share one service and bring fresh IDs; a test that looks at everything
// the service holds, or restarts it, starts its own.
//
// Every answer that comes by [Caller.do] is held to the rules that all answers
// obey: see rules_test.go.
//
// The environment variable BLACKBOX_BUILD_FLAGS gives flags for the build of
// the binary, such as -race.
package blackbox
