package readmodel

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/tidemark-io/tidemark/events"
)

// Difference is a key in which a model is not what the log says.
type Difference struct {
	// Table is video, user, like, identities, trending, digest, or that of a row
	// (job, comment, …).
	Table string
	// ID names the key in its table, for people.
	ID string
	// Live is what the model has there, Log what the log says; empty for nothing.
	Live, Log string
	// mend writes the key anew, as the log has it by then. Nil for what cannot be
	// mended: the model has to be rebuilt.
	mend func(live, log *Model)
}

// Mendable reports whether the key can be written anew by itself.
func (d *Difference) Mendable() bool { return d.mend != nil }

// TableNames are those of the sums in a digest.
var TableNames = [len(Digest{}.Tables)]string{"videos", "users and likes", "identities", "trending", "rows"}

var rowNames = map[byte]string{
	rowVideo: "author", rowBaseline: "baseline", rowItem: "item", rowItemOf: "item of author", rowJob: "job", rowJobOf: "job of owner",
	rowNotification: "notification", rowNotificationID: "place of notification", rowNotificationUnread: "unread notification",
	rowNotificationIn: "notification in category", rowUnreadCount: "unread count", rowBlock: "block", rowBlockOf: "block of user",
	rowOutcome: "outcome", rowOutcomeExpiry: "expiry of outcome", rowBatch: "batch", rowBatchExpiry: "expiry of batch",
	rowAudit: "audit entry", rowDeadLetter: "dead letter",
}

// rowsByID are the tables whose keys begin with an ID.
const rowsByID = "veiajondutcbBxr"

// describeRow names a row for people: the table, and its key with the ID that
// most begin with.
func describeRow(key []byte) (table, id string) {
	table = rowNames[key[0]]
	if table == "" {
		table = fmt.Sprintf("row %q", key[0])
	}
	rest := key[1:]
	if !strings.ContainsRune(rowsByID, rune(key[0])) || len(rest) < 16 {
		return table, hex.EncodeToString(rest)
	}
	id = uuid.UUID(rest[:16]).String()
	if rest = rest[16:]; len(rest) > 0 {
		id += "/" + hex.EncodeToString(rest)
	}
	return table, id
}

// describeValue shows a row's value, or its beginning.
func describeValue(value []byte) string {
	const shown = 48
	switch {
	case len(value) == 0:
		return "there"
	case len(value) > shown:
		return hex.EncodeToString(value[:shown]) + "…"
	}
	return hex.EncodeToString(value)
}

var counterNames = [events.CounterCount]string{"views", "likes", "comments", "remixes", "glitches"}

func text(id [16]byte) string { return uuid.UUID(id).String() }

// describe shows a slot.
func (w *slotWords) describe() string {
	var b strings.Builder
	for c, n := range w[3:] {
		fmt.Fprintf(&b, "%s %d, ", counterNames[c], int64(n))
	}
	state := w[2]
	switch {
	case state&slotDeleted != 0:
		b.WriteString("deleted, ")
	case state&slotKnown == 0:
		b.WriteString("not known, ")
	}
	fmt.Fprintf(&b, "changed at %v", events.UnpackPosition(state>>slotFlags))
	return b.String()
}

func (v likeVersion) describe() string {
	verb := "unliked"
	if v.liked() {
		verb = "liked"
	}
	return verb + " at " + v.time().String()
}

func describeFlags(flags uint32) string {
	switch {
	case flags&userRetracted != 0:
		return "blocked, retracted"
	case flags&userBlocked != 0:
		return "blocked"
	}
	return "not blocked"
}
