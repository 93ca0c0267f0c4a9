// Package scenario is what all scenarios of the benchmark share: what a
// scenario is, the environment that it runs in (binaries, directories, sizes,
// which peers are there), and rounds that are interleaved. It leaves the
// measuring to the scenarios' own packages.
package scenario
