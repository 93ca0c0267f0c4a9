package query

import (
	"strconv"
	"strings"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/api/idlist"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
)

// decode reads the body {"video_ids":[…],"since"?:"…"}, members in any order.
func (q *metadataQuery) decode(s *strictjson.Scanner, maxBatch int) error {
	if s.Object() {
		listed := false
		for name, ok := s.Member(); ok; name, ok = s.Member() {
			switch string(name) {
			case "video_ids":
				listed = true
				q.list.Scan(s, maxBatch)
			case "since":
				if text, ok := s.String(); ok && !setSince(q, text) {
					s.Fail(events.ErrBadToken.Error())
				}
			default:
				s.Unknown()
			}
		}
		if !listed {
			s.Missing("video_ids")
		}
	}
	return s.End()
}

// decodeParams reads ?ids=a,b,c&since=….
func (q *metadataQuery) decodeParams(c *api.Call, maxBatch int) error {
	var values [2]param
	if err := readParams(c, values[:], "ids", "since"); err != nil {
		return err
	}
	ids, since := values[0], values[1]
	switch {
	case !ids.given:
		return badParam("ids", "is missing; it lists the IDs of videos, separated by commas")
	case since.given && !setSince(q, since.text):
		return badParam("since", events.ErrBadToken.Error())
	case ids.text == "":
		return nil
	case strings.Count(ids.text, ",") >= maxBatch:
		return badParam("ids", "lists more than "+strconv.Itoa(maxBatch)+" IDs, the most for one request")
	}
	for i, rest, more := 0, ids.text, true; more; i++ {
		var text string
		var copied idlist.Spelling
		text, rest, more = strings.Cut(rest, ",")
		copy(copied[:], text)
		if len(text) != idlist.SpellingLen || !q.list.Add(&copied) {
			return badParam("ids", "entry "+strconv.Itoa(i)+" "+idlist.NotUUID)
		}
	}
	return nil
}

func setSince[T string | []byte](q *metadataQuery, text T) (ok bool) {
	t, err := events.ParseToken(text)
	if err != nil {
		return false
	}
	q.since, q.polls = t, true
	return true
}
