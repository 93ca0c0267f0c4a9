package readmodel

// About what a table takes for each entry, in bytes: rather too little.
const (
	videoTableBytes = 76
	likeTableBytes  = 16
)

// TableBytes is about what the tables take in memory that live as long as the model
// does, and rather too little: what is not counted counts as the rest of the heap.
func (s *Sizes) TableBytes() uint64 {
	return uint64(videoTableBytes*s.Videos + likeTableBytes*s.Likes + s.IdentityTableBytes + s.IdentityFilterBytes)
}

// SealedFilterBytes is about what the filters take of all identities when they are
// sealed. They stay in memory also where the tables lie on disk.
func (s *Sizes) SealedFilterBytes() uint64 { return uint64(13 * s.Identities / 10) }
