package events

// The methods below write the data of events as CloudEvents have it: the
// members of the table dataMembers, optional ones where they are there.

func (d VideoPublished) writeTo(o *objectWriter) {
	o.id(memberVideoID, d.Video)
	o.optionalID(memberAuthorID, d.Author)
}

func (d VideoViewed) writeTo(o *objectWriter) {
	o.id(memberVideoID, d.Video)
	o.optionalID(memberUserID, d.User)
}

func (d VideoLike) writeTo(o *objectWriter) {
	o.id(memberVideoID, d.Video)
	o.id(memberUserID, d.User)
}

// itemWriter writes an item's events under the name that its ID has there.
func itemWriter(item member) func(VideoItem, *objectWriter) {
	return func(d VideoItem, o *objectWriter) {
		o.id(memberVideoID, d.Video)
		o.id(item, d.Item)
		o.optionalID(memberAuthorID, d.Author)
	}
}

func (d VideoVisibility) writeTo(o *objectWriter, reason []byte) {
	o.id(memberVideoID, d.Video)
	o.reason(d.Reason, reason)
	o.optionalID(memberAdminID, d.Admin)
}

func (d AccountBlock) writeTo(o *objectWriter, reason []byte) {
	o.id(memberUserID, d.User)
	o.reason(d.Reason, reason)
	o.bool(memberRetract, d.Retract)
	o.optionalID(memberAdminID, d.Admin)
}

// reason writes the event's own reason or else its command's.
func (o *objectWriter) reason(own, command []byte) {
	if len(own) == 0 {
		own = command
	}
	if len(own) > 0 {
		o.text(memberNames[memberReason], own)
	}
}

func (d JobCreated) writeTo(o *objectWriter) {
	o.id(memberJobID, d.Job)
	o.id(memberOwnerID, d.Owner)
}

func (d JobCancelled) writeTo(o *objectWriter) { o.id(memberJobID, d.Job) }

// The attempt is always written, so that an update of nothing else is one.
func (d JobUpdated) writeTo(o *objectWriter) {
	o.id(memberJobID, d.Job)
	o.number(memberAttempt, int64(d.Attempt))
	if d.Has&JobHasStatus != 0 {
		o.text(memberNames[memberStatus], []byte(d.Status.String()))
	}
	if d.Has&JobHasProgress != 0 {
		o.number(memberProgress, int64(d.Progress))
	}
	if d.Has&JobHasResultURL != 0 {
		o.text(memberNames[memberResultURL], d.ResultURL)
	}
	if d.Has&JobHasError != 0 {
		o.text(memberNames[memberError], d.Error)
	}
}

func (d NotificationSent) writeTo(o *objectWriter) {
	o.id(memberNotificationID, d.Notification)
	o.id(memberUserID, d.User)
	o.text(memberNames[memberCategory], d.Category)
	o.optionalID(memberActorID, d.Actor)
	if len(d.Payload) > 0 {
		o.json(memberNames[memberPayload], d.Payload)
	}
}

func (d NotificationRead) writeTo(o *objectWriter) {
	o.id(memberUserID, d.User)
	switch d.Scope {
	case ReadByID:
		o.ids(memberNames[memberNotificationIDs], d.IDs)
	case ReadAll:
		o.bool(memberAll, true)
	case ReadCategory:
		o.text(memberNames[memberCategory], d.Category)
	}
	if d.HasBefore {
		o.time(memberNames[memberBefore], d.Before)
	}
}

func (d UserBlock) writeTo(o *objectWriter) {
	o.id(memberUserID, d.User)
	o.id(memberBlockedID, d.Blocked)
}

func (d CounterBaseline) writeTo(o *objectWriter) {
	o.id(memberVideoID, d.Video)
	o.text(memberNames[memberSource], d.Source)
	for i, v := range d.Values {
		if d.Set&(1<<i) != 0 {
			o.number(memberViewCount+member(i), v)
		}
	}
}

// The internal types have members of their own: nobody sends them.

func (d DeadLetterMark) writeTo(o *objectWriter) {
	o.text("letter", []byte(d.Letter.String()))
}

func (d DeadLetterOpened) writeTo(o *objectWriter) {
	o.text("letter", []byte(d.Letter.String()))
	o.text("batch", []byte(d.Batch.String()))
}

func (d OperationRecorded) writeTo(o *objectWriter) {
	if len(d.Outcome) > 0 {
		o.json("outcome", d.Outcome)
	}
	o.ids("targets", d.Targets)
}
