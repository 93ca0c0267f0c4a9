package readmodel

import (
	"sync/atomic"

	"github.com/tidemark-io/tidemark/events"
)

// Users is the table of accounts that the log has named as likers, or that the
// platform has blocked, each with the set of its likes. A like is the last
// state of a pair with its version, never the removal of a key; keeping pairs
// by user makes it cheap to take all of a user's likes out of the counters.
//
// Flags are read without locks; likes are the fold's alone.
type Users struct {
	index   *index
	space   Space
	chunks  atomic.Pointer[[]*userChunk]
	count   uint32
	pairs   int // likes and unlikes kept
	digest  uint64
	changes userChanges // of users and pairs since the last checkpoint

	log   tableLog
	saved uint32 // how many the checkpoint holds that is being loaded
}

const (
	userChunkBits = 10
	userChunkSize = 1 << userChunkBits
)

type userChunk [userChunkSize]user

type user struct {
	hi, lo uint64
	flags  atomic.Uint32
	likes  likeSet
}

const (
	userBlocked   = 1 << iota // the platform refuses the user's commands
	userRetracted             // and the user's contributions do not count
)

func newUsers(space Space) *Users {
	u := &Users{space: space, log: tableLog{table: tableUsers, size: stripeUsers}}
	u.chunks.Store(&[]*userChunk{})
	u.index = newIndex(space, func(n uint32) (hi, lo uint64, there bool) {
		chunks := *u.chunks.Load()
		if int(n>>userChunkBits) >= len(chunks) {
			return 0, 0, false
		}
		e := &chunks[n>>userChunkBits][n&(userChunkSize-1)]
		return e.hi, e.lo, true
	})
	return u
}

func (u *Users) entry(number uint32) *user {
	return &(*u.chunks.Load())[number>>userChunkBits][number&(userChunkSize-1)]
}

// find returns the number of a user in the table.
func (u *Users) find(id events.UserID) (uint32, bool) {
	hi, lo := words(id)
	return u.index.find(u.index.hash(hi, lo), hi, lo)
}

// Blocked reports whether the platform has blocked the account. Safe for any reader.
func (u *Users) Blocked(id events.UserID) bool { return u.flagsOf(id)&userBlocked != 0 }

// Retracted reports whether the platform has taken the account's
// contributions out of the counters. Safe for any reader.
func (u *Users) Retracted(id events.UserID) bool { return u.flagsOf(id)&userRetracted != 0 }

func (u *Users) flagsOf(id events.UserID) uint32 {
	number, ok := u.find(id)
	if !ok {
		return 0
	}
	return u.entry(number).flags.Load()
}

// intern returns the number of a user, giving it one if it has none.
func (u *Users) intern(id events.UserID) uint32 {
	hi, lo := words(id)
	hash := u.index.hash(hi, lo)
	if number, ok := u.index.find(hash, hi, lo); ok {
		return number
	}
	number := u.count
	u.reserve(number)
	e := u.entry(number)
	e.hi, e.lo = hi, lo
	u.count++
	u.digest += e.digest()
	u.index.add(hash, number)
	u.changes.user(number, e)
	return number
}

func (u *Users) reserve(number uint32) {
	chunks := *u.chunks.Load()
	if int(number>>userChunkBits) < len(chunks) {
		return
	}
	grown := make([]*userChunk, len(chunks), len(chunks)+1)
	copy(grown, chunks)
	grown = append(grown, &alloc[userChunk](u.space, 1)[0])
	u.chunks.Store(&grown)
}

func (u *Users) setFlags(number uint32, flags uint32) {
	e := u.entry(number)
	u.digest -= e.digest()
	e.flags.Store(flags)
	u.digest += e.digest()
	u.changes.user(number, e)
}

// setLike sets the state of a pair whose state is old, if it had one.
func (u *Users) setLike(number, video uint32, old likeVersion, had bool, next likeVersion) {
	e := u.entry(number)
	if had {
		u.digest -= e.likeDigest(video, old)
	} else {
		u.pairs++
	}
	e.likes.set(u.space, video, next)
	u.digest += e.likeDigest(video, next)
	u.changes.like(number, video, next)
}

func (e *user) digest() uint64 {
	return digestStart(tableUsers).word(e.hi).word(e.lo).word(uint64(e.flags.Load())).sum()
}

// likeDigest names the video by its number, which the log determines.
func (e *user) likeDigest(video uint32, v likeVersion) uint64 {
	return digestStart(tableLikes).word(e.hi).word(e.lo).word(uint64(video)).word(uint64(v)).sum()
}
