// Package replay measures how fast a log is folded again from its beginning: the
// price of a rebuild, and the bound of everything that follows the log. It
// compares that with reading the same messages and looking at none of them.
package replay
