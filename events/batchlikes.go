package events

// LikesAhead walks a record batch ahead of who folds it, for what likes are
// about: a hint, since it checks nothing and tells no likes from unlikes.
type LikesAhead struct{ rest []byte }

// LikesAhead returns a walk from the first entry on.
func (b *Batch) LikesAhead() LikesAhead { return LikesAhead{b.entries} }

// Next returns the next likes, up to len(dst).
func (a *LikesAhead) Next(dst []VideoLike) (n int) {
	const data = 16 + 16 // video and user, at the frame's end
	for n < len(dst) {
		size := frameSize(a.rest)
		if size == 0 {
			break
		}
		frame := a.rest[:size]
		a.rest = a.rest[size:]
		if t := Type(frame[0]); (t == TypeVideoLiked || t == TypeVideoUnliked) && size >= frameHeaderSize+8+data {
			ids := frame[size-data:]
			dst[n] = VideoLike{Video: VideoID(ids[:16]), User: UserID(ids[16:])}
			n++
		}
	}
	return n
}
