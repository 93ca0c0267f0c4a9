package events

// appendFrame appends the frame of the event that has been read and found good.
func (r *CloudEventReader) appendFrame() {
	meta := Meta{Type: r.env.typ, Time: r.env.time, Source: r.env.source, ID: r.env.id}
	start := len(r.out.Frames)
	frames := appendEventHead(r.out.Frames, &meta)
	r.out.Frames = closeFrame(r.appendData(frames), start)
}

// appendData appends the binary form of the data that has been read. Each case
// names its struct, rather than going through Data, so that none moves to the heap.
func (r *CloudEventReader) appendData(b []byte) []byte {
	d := &r.data
	switch r.env.typ {
	case TypeVideoPublished:
		return VideoPublished{Video: d.id(memberVideoID), Author: d.id(memberAuthorID)}.appendTo(b)
	case TypeVideoViewed:
		return VideoViewed{Video: d.id(memberVideoID), User: d.id(memberUserID)}.appendTo(b)
	case TypeVideoLiked, TypeVideoUnliked:
		return VideoLike{Video: d.id(memberVideoID), User: d.id(memberUserID)}.appendTo(b)
	case TypeCommentCreated, TypeCommentDeleted:
		return d.appendItem(b, memberCommentID)
	case TypeRemixCreated, TypeRemixDeleted:
		return d.appendItem(b, memberRemixID)
	case TypeGlitchCreated, TypeGlitchDeleted:
		return d.appendItem(b, memberGlitchID)
	case TypeVideoDeleted, TypeVideoRestored:
		return VideoVisibility{Video: d.id(memberVideoID), Admin: r.rules.Caller, Reason: d.text(memberReason)}.appendTo(b)
	case TypeJobCreated:
		return JobCreated{Job: d.id(memberJobID), Owner: d.id(memberOwnerID)}.appendTo(b)
	case TypeJobUpdated:
		return d.jobUpdated().appendTo(b)
	case TypeJobCancelled:
		return JobCancelled{Job: d.id(memberJobID)}.appendTo(b)
	case TypeNotificationSent:
		return d.notificationSent().appendTo(b)
	case TypeNotificationRead:
		return d.notificationRead().appendTo(b)
	case TypeUserBlocked, TypeUserUnblocked:
		return UserBlock{User: d.id(memberUserID), Blocked: d.id(memberBlockedID)}.appendTo(b)
	case TypeAccountBlocked, TypeAccountUnblocked:
		return AccountBlock{
			User: d.id(memberUserID), Admin: r.rules.Caller,
			Retract: d.seen.has(memberRetract) && d.retract, Reason: d.text(memberReason),
		}.appendTo(b)
	case TypeCounterBaseline:
		return d.counterBaseline().appendTo(b)
	}
	panic("events: " + r.env.typ.String() + " was read without a way to encode it")
}

// id returns the UUID, or zero where the member is absent.
func (d *dataReader) id(m member) [16]byte {
	if !d.seen.has(m) {
		return [16]byte{}
	}
	return d.ids[m]
}

// text returns the text, or nil where the member is absent.
func (d *dataReader) text(m member) []byte {
	if !d.seen.has(m) {
		return nil
	}
	return d.texts[m-idMembers]
}

func (d *dataReader) appendItem(b []byte, item member) []byte {
	return VideoItem{Video: d.id(memberVideoID), Item: d.id(item), Author: d.id(memberAuthorID)}.appendTo(b)
}

func (d *dataReader) jobUpdated() JobUpdated {
	u := JobUpdated{Job: d.id(memberJobID), Attempt: 1, ResultURL: d.text(memberResultURL), Error: d.text(memberError)}
	if d.seen.has(memberAttempt) {
		u.Attempt = uint32(d.numbers[memberAttempt-textMembers])
	}
	if d.seen.has(memberStatus) {
		u.Has, u.Status = u.Has|JobHasStatus, d.status
	}
	if d.seen.has(memberProgress) {
		u.Has, u.Progress = u.Has|JobHasProgress, uint8(d.numbers[memberProgress-textMembers])
	}
	if d.seen.has(memberResultURL) {
		u.Has |= JobHasResultURL
	}
	if d.seen.has(memberError) {
		u.Has |= JobHasError
	}
	return u
}

func (d *dataReader) notificationSent() NotificationSent {
	n := NotificationSent{
		Notification: d.id(memberNotificationID), User: d.id(memberUserID),
		Actor: d.id(memberActorID), Category: d.text(memberCategory),
	}
	if d.seen.has(memberPayload) {
		n.Payload = d.payload
	}
	return n
}

func (d *dataReader) notificationRead() NotificationRead {
	n := NotificationRead{User: d.id(memberUserID)}
	switch {
	case d.seen.has(memberNotificationIDs):
		n.Scope, n.IDs = ReadByID, d.list
	case d.seen.has(memberAll):
		n.Scope = ReadAll
	default:
		n.Scope, n.Category = ReadCategory, d.text(memberCategory)
	}
	if d.seen.has(memberBefore) {
		n.HasBefore, n.Before = true, d.before
	}
	return n
}

func (d *dataReader) counterBaseline() CounterBaseline {
	c := CounterBaseline{Video: d.id(memberVideoID), Source: d.text(memberSource)}
	for i := range c.Values {
		if m := memberViewCount + member(i); d.seen.has(m) {
			c.Set |= 1 << i
			c.Values[i] = d.numbers[m-textMembers]
		}
	}
	return c
}
