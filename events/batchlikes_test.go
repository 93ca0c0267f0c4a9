package events

import "testing"

func TestLikesAheadFindsAllLikes(t *testing.T) {
	like := func(n byte) VideoLike { return VideoLike{Video: VideoID{n}, User: UserID{0xff, n}} }
	entry := func(m Meta, d Data) Entry { return Entry{Bytes: AppendEvent(nil, m, d), Events: 1} }
	at := Time(1)
	entries := []Entry{
		entry(Meta{Type: TypeVideoLiked, Time: at}, like(1)),
		entry(Meta{Type: TypeVideoViewed, Time: at}, VideoViewed{Video: VideoID{9}}),
		entry(Meta{Type: TypeVideoUnliked, Time: at, Source: []byte("a"), ID: []byte("b")}, like(2)),
		entry(Meta{Type: TypeVideoLiked, Time: at, Arrival: true}, like(3)),
	}
	b, err := ReadBatch(AppendBatch(nil, BatchHeader{}, entries))
	if err != nil {
		t.Fatal(err)
	}
	var dst [2]VideoLike
	ahead := b.LikesAhead()
	if n := ahead.Next(dst[:]); n != 2 || dst != [2]VideoLike{like(1), like(2)} {
		t.Errorf("first %d: %v", n, dst)
	}
	if n := ahead.Next(dst[:]); n != 1 || dst[0] != like(3) {
		t.Errorf("then %d: %v", n, dst)
	}
	if n := ahead.Next(dst[:]); n != 0 {
		t.Errorf("%d behind the end", n)
	}
}
