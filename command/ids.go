package command

import (
	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/api/idlist"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
)

// readID reads a UUID member.
func readID(s *strictjson.Scanner) (id [16]byte, ok bool) {
	text, ok := s.String()
	if !ok {
		return id, false
	}
	if !events.ParseUUID(&id, text) {
		s.Fail(idlist.NotUUID)
		return id, false
	}
	return id, true
}

// readOptionalID reads a UUID member for which null is the same as absent.
func readOptionalID(s *strictjson.Scanner) (id [16]byte, ok bool) {
	if s.Null() {
		return id, false
	}
	return readID(s)
}

// pathID reads a UUID of the path.
func pathID(c *api.Call, name string) (id [16]byte, err error) {
	if !events.ParseUUID(&id, c.Param(name)) {
		return id, api.InvalidContent.With("The ID in the path " + idlist.NotUUID + ".")
	}
	return id, nil
}

// readObject walks the members of the body's object; member handles each by
// name and returns false for one that it does not know. An empty body, where
// the route allows one, has no members.
func readObject(c *api.Call, member func(s *strictjson.Scanner, name string) bool) (*strictjson.Scanner, error) {
	s := c.Scan()
	if len(c.Body) == 0 {
		return s, nil
	}
	if !s.Object() {
		return s, s.End()
	}
	for {
		name, ok := s.Member()
		if !ok {
			return s, nil
		}
		if !member(s, string(name)) {
			s.Unknown()
		}
	}
}

// finish ends the walk over a body. An empty one, where allowed, is fine.
func finish(c *api.Call, s *strictjson.Scanner) error {
	if len(c.Body) == 0 {
		return nil
	}
	return s.End()
}

// noMembers refuses a body with any members.
func noMembers(c *api.Call) error {
	s, err := readObject(c, func(*strictjson.Scanner, string) bool { return false })
	if err != nil {
		return err
	}
	return finish(c, s)
}
