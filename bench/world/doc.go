// Package world is the data that every subject is measured with: videos with
// their identities and counters, which of them is asked for how often, and the
// events that put them into tidemark. All of it follows from numbers, so that
// every server holds the same and every answer is known beforehand.
package world
