// Package chart draws the benchmark's charts as plain SVG: horizontal bars and
// curves, on linear or logarithmic axes, readable on light and on dark pages and
// in print.
//
// It knows nothing of benchmarks beyond [FromRun]; what is measured, and which
// figures belong together, is decided where they are taken. The same input gives
// the same bytes, so that a chart in the repository changes only with its figures.
package chart
