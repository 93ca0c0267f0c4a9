package readmodel

import (
	"encoding/binary"
	"unsafe"

	"github.com/tidemark-io/tidemark/events"
)

// LikesAhead is how many likes ExpectLikes takes at a time.
const LikesAhead = len(probes{}.hashes)

// ExpectLikes begins to load what SetLike will want to know of the likes, up to
// LikesAhead of them: by itself each would wait for memory five times, one wait
// after the other. It changes nothing.
func (m *Model) ExpectLikes(likes []events.VideoLike) {
	var videos, users probes
	likes = likes[:min(len(likes), LikesAhead)]
	byVideo, byUser := m.Videos.index, m.Users.index
	ofVideos, ofUsers := byVideo.directory.Load(), byUser.directory.Load()
	for i := range likes {
		video, user := &likes[i].Video, &likes[i].User
		videos.aim(i, ofVideos, byVideo.hash(binary.BigEndian.Uint64(video[:8]), binary.BigEndian.Uint64(video[8:])))
		users.aim(i, ofUsers, byUser.hash(binary.BigEndian.Uint64(user[:8]), binary.BigEndian.Uint64(user[8:])))
	}
	prefetch(&videos.lines[0], len(likes))
	prefetch(&users.lines[0], len(likes))
	videos.findSlots(m.Videos, len(likes))
	users.findUsers(m.Users, len(likes))
	users.findPairs(m.Users, videos.numbers[:len(likes)])
}

// findUsers asks for the entries of the first candidates. An entry lies in one
// cache line or two.
func (p *probes) findUsers(u *Users, n int) {
	for i := range n {
		number, _, ok := p.where[i].candidate(p.hashes[i], 0)
		if !ok {
			p.numbers[i] = noNumber
			continue
		}
		e := uintptr(unsafe.Pointer(u.entry(number)))
		p.numbers[i] = number
		lines := [2]uintptr{e, e + unsafe.Sizeof(user{}) - 1}
		prefetch(&lines[0], len(lines))
	}
}

// findPairs asks for the cells of the users' likes of those videos.
func (p *probes) findPairs(u *Users, videos []uint32) {
	for i, video := range videos {
		if p.lines[i] = 0; p.numbers[i] == noNumber || video == noNumber {
			continue
		}
		if cells := u.entry(p.numbers[i]).likes.cells; len(cells) > 0 {
			p.lines[i] = uintptr(unsafe.Pointer(&cells[likeHome(video, len(cells))]))
		}
	}
	prefetch(&p.lines[0], len(videos))
}
