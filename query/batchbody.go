package query

import (
	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/api/idlist"
	"github.com/tidemark-io/tidemark/events/strictjson"
)

// readIDs reads a body whose one member is a list of IDs.
func readIDs[T ~[16]byte](c *api.Call, member string, limit int) (*idlist.List[T], error) {
	l, s := new(idlist.List[T]), c.Scan()
	l.Reset()
	if s.Object() {
		seen := false
		for name, ok := s.Member(); ok; name, ok = s.Member() {
			if string(name) != member {
				s.Unknown()
				continue
			}
			seen = true
			l.Scan(s, limit)
		}
		if !seen {
			s.Missing(member)
		}
	}
	return l, bodyVerdict(c, s.End())
}

// bodyVerdict joins what was wrong with a body and with the query string, of
// which these requests have none: syntax is told before content.
func bodyVerdict(c *api.Call, body error) error {
	if _, syntax := body.(*strictjson.SyntaxError); syntax {
		return body
	}
	if err := noParams(c); err != nil {
		return err
	}
	return body
}
