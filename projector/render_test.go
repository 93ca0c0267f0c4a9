package projector

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// show writes what the model has under a name, as tables of tests have it:
//
//	v1: 2 views, 1 like …       v1: deleted, 1 views      v1: unknown
//	j1: u1 processing 40% attempt 1 url=… error=…
//	u1: unread 1: n2, n1 read; blocks b1; blocked, retracted
func show(t testing.TB, m *readmodel.Model, name string) string {
	t.Helper()
	var parts []string
	s := m.Snapshot()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	switch name[0] {
	case 'v':
		parts = showVideo(m, name16(name))
	case 'j':
		j, created, err := s.Job(name16(name))
		check(err)
		if !created {
			return name + ": unknown"
		}
		parts = []string{strings.TrimRight(string(j.Owner[:]), "\x00"), j.Status.String(), fmt.Sprintf("%d%% attempt %d", j.Progress, j.Attempt)}
		if j.ResultURL != nil {
			parts = append(parts, "url "+string(j.ResultURL))
		}
		if j.Error != nil {
			parts = append(parts, "error "+string(j.Error))
		}
	case 'u':
		unread, err := s.UnreadCount(name16(name))
		check(err)
		parts = append(parts, fmt.Sprintf("%d unread", unread))
		list, err := s.Notifications(name16(name), readmodel.NotificationFilter{}, readmodel.NotificationPage{}, 100)
		check(err)
		for _, n := range list {
			text := strings.TrimRight(string(n.ID[:]), "\x00")
			if n.Read {
				text += " read"
			}
			parts = append(parts, text)
		}
		blocks, err := s.Blocks(name16(name), readmodel.BlockPage{}, 100)
		check(err)
		for _, b := range blocks {
			parts = append(parts, "blocks "+strings.TrimRight(string(b.User[:]), "\x00"))
		}
	}
	return name + ": " + strings.Join(parts, ", ")
}

func showVideo(m *readmodel.Model, id events.VideoID) (parts []string) {
	number, ok := m.Videos.Find(id)
	if !ok {
		return []string{"unknown"}
	}
	var slot readmodel.Slot
	m.Videos.Read(number, &slot)
	if slot.Deleted() {
		parts = append(parts, "deleted")
	}
	if !slot.Known() {
		parts = append(parts, "unknown")
	}
	for c, n := range slot.Counts {
		if n != 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, counterNames[c]))
		}
	}
	if len(parts) == 0 {
		parts = []string{"zero"}
	}
	return parts
}
