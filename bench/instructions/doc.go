// Package instructions counts what fixed workloads execute, under valgrind, and
// compares with the counts that the repository keeps. A count does not depend on
// what else the machine does, so it shows a change of one percent, which no clock
// does; what it leaves out is what memory, the kernel and other cores make of it.
//
// The workloads are benchmarks of the product's own packages. Each runs twice, with
// few iterations and with many; the difference is theirs, without the start of the
// process and the filling of tables. (Callgrind can count between calls of a
// function, too, but it loses track of calls where Go switches stacks.)
package instructions
