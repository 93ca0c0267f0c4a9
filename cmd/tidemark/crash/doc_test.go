// Package crash breaks the real binary while clients work with it, and holds
// what is left to the service's promises:
//
//   - I1: every acknowledged command is in the log where its position says.
//   - I2: the counters equal a plain recount of the log.
//   - I3: no command is counted twice, however often it was repeated.
//   - I4: who is refused is told so by a problem document of a definite class.
//   - I5: after every start the service becomes ready.
//   - I6: no position and no counter goes back for who sends positions.
//
// Workers record each request with its answer: acknowledged, refused or
// unknown. After the crash they repeat what has no answer under the same
// Idempotency-Key and go on. In the end the log is read without the service
// (logged_test.go) and recounted with plain maps (recount_test.go), which share
// no code with the fold, and three accounts are compared: what the clients
// were told, what the log holds, and what the service answers.
//
// A checker that cannot fail proves nothing: TestPowerCutWithoutSyncIsSeen cuts
// the power of a service that acknowledges before fsync, and fails unless the
// same checks find the loss.
//
// # Length
//
// CRASH_KILLS and CRASH_POWER_CUTS set how many times those two tests break
// the service, CRASH_SEED what the workers do, CRASH_BUILD_FLAGS how the binary
// is built. No failure in N crashes bounds the rate of failures at 3/N (95 %).
//
// # What it needs
//
// The tests with a file system of their own need root on Linux, loop devices
// and mkfs.ext4; the one of failing fsyncs needs strace. Where that is missing
// they fail, and say what would bring it.
package crash
