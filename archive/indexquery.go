package archive

import (
	"fmt"
	"strings"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// conditions are a query of the index as the database is asked. For each the
// filters are looked through by themselves; one without arguments is left out, since
// everything would be looked through to find nothing.
type conditions struct {
	videos, users, jobs, itemVideos, items, published [][16]byte
	identities                                        []string
	raw                                               [][]byte
}

func conditionsOf(q *replay.IndexQuery) (c conditions) {
	for _, e := range q.Entities {
		switch e.Kind {
		case replay.KindVideo:
			c.videos = append(c.videos, e.ID)
		case replay.KindUser:
			c.users = append(c.users, e.ID)
		case replay.KindJob:
			c.jobs = append(c.jobs, e.ID)
		}
		c.raw = append(c.raw, e.ID[:])
	}
	for _, i := range q.Items {
		c.itemVideos, c.items = append(c.itemVideos, i.Video), append(c.items, i.ID)
	}
	for _, id := range q.Published {
		c.published = append(c.published, id)
	}
	for _, id := range q.Identities {
		c.identities = append(c.identities, strings.ReplaceAll(string(id.ID), "\x00", "\uFFFD"))
	}
	return c
}

// statement collects arguments while it is written.
type statement struct{ arguments []any }

func (s *statement) argument(a any) string {
	s.arguments = append(s.arguments, a)
	return fmt.Sprintf("$%d", len(s.arguments))
}

// present are the rows that counted: of each life of the log those up to where the
// next began.
const present = "seq >= first_seq AND (last_seq IS NULL OR seq <= last_seq) AND seq <= "

// sequences asks for the messages. A dead letter has no columns, and names by its
// bytes what it may have meant.
func (c *conditions) sequences(last uint64) (sql string, arguments []any) {
	var s statement
	parts := []string{"SELECT log, seq FROM events WHERE type IN ('account.blocked', 'account.unblocked')"}
	for _, condition := range c.naming(&s) {
		parts = append(parts, "SELECT log, seq FROM events WHERE "+condition)
	}
	if len(c.items) > 0 {
		parts = append(parts, "SELECT log, seq FROM events WHERE video_id = ANY("+s.argument(c.itemVideos)+") AND item_id = ANY("+s.argument(c.items)+")")
	}
	if len(c.published) > 0 {
		parts = append(parts, "SELECT log, seq FROM events WHERE type = 'video.published' AND video_id = ANY("+s.argument(c.published)+")")
	}
	if len(c.identities) > 0 {
		parts = append(parts, "SELECT log, seq FROM events WHERE id = ANY("+s.argument(c.identities)+")")
	}
	parts = append(parts, "SELECT log, seq FROM dead_letters WHERE EXISTS (SELECT FROM unnest("+s.argument(c.raw)+"::bytea[]) AS entity WHERE position(entity IN raw) > 0)")
	sql = "SELECT DISTINCT seq FROM (" + strings.Join(parts, " UNION ALL ") + ") AS found JOIN logs USING (log) WHERE " + present + s.argument(last) + " ORDER BY seq"
	return sql, s.arguments
}

// effects asks what came of the events that name the entities, and how often.
func (c *conditions) effects(last uint64) (sql string, arguments []any) {
	var s statement
	sql = "SELECT effect, count(*) FROM events JOIN logs USING (log) WHERE (" + strings.Join(c.naming(&s), " OR ") + ") AND " + present + s.argument(last) + " GROUP BY effect"
	return sql, s.arguments
}

// naming are the conditions of events that name an entity. An administrator who acted is
// not who an event is about.
func (c *conditions) naming(s *statement) (list []string) {
	if len(c.videos) > 0 {
		list = append(list, "video_id = ANY("+s.argument(c.videos)+")")
	}
	if len(c.jobs) > 0 {
		list = append(list, "job_id = ANY("+s.argument(c.jobs)+")")
	}
	if len(c.users) > 0 {
		users := s.argument(c.users)
		second := []string{events.TypeNotificationSent.String(), events.TypeUserBlocked.String(), events.TypeUserUnblocked.String()}
		list = append(list, "user_id = ANY("+users+")", "other_user_id = ANY("+users+") AND type = ANY("+s.argument(second)+")")
	}
	return list
}
