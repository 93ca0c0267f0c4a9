// Package result holds what a benchmark found: the run with its machine and
// settings, a row for each subject of each scenario with its figures, and the
// ratios between rows, judged against their goals. It reads and writes them as
// JSON and prints them as tables of Markdown. It measures nothing.
package result
