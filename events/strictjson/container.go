package strictjson

// frame is an object or array that is open.
type frame struct {
	first   int32 // object: where its names begin in the stack of names
	count   int32 // members or elements begun
	array   bool
	indexed bool // object: its names are in the index
}

// Object enters the value that is ready. Where it is no object, a content
// error is recorded, the value is skipped, and Object returns false. After
// true, Member must be called until it returns false.
func (s *Scanner) Object() bool { return s.expect(Object, "an object") && s.enter() }

// Array enters the value that is ready. Where it is no array, a content error
// is recorded, the value is skipped, and Array returns false. After true,
// Element must be called until it returns false.
func (s *Scanner) Array() bool { return s.expect(Array, "an array") && s.enter() }

// Member moves to the object's next member, whose value is ready then, and
// returns its unescaped name. ok is false at the end of the object, which is
// left with it, and after a syntax error. The name is valid until Reset.
func (s *Scanner) Member() (name []byte, ok bool) {
	if !s.moved(false) {
		return nil, false
	}
	return s.nameText(s.names.at(s.names.count - 1)), true
}

// Element moves to the array's next element, which is ready then. It returns
// false at the end of the array, which is left with it, and after a syntax error.
func (s *Scanner) Element() bool { return s.moved(true) }

// Peek is a short way through arrays of strings of one length. It returns what
// would be the text of the next element, if a comma, where there must be one,
// one space at most and a quote stand before it, and a quote after it; and nil
// where anything else stands, or a value is left unread. It checks nothing of
// the text and moves nowhere: the caller must find that no byte of it is a
// quote, a backslash, a control character or beyond ASCII, and then call Take,
// or go on with Element.
func (s *Scanner) Peek(size int) (text []byte) {
	if !s.read || s.syntax != nil || s.depth == 0 || !s.frames[s.depth-1].array {
		return nil
	}
	rest := s.data[s.pos:]
	start := 0
	if s.frames[s.depth-1].count > 0 {
		if len(rest) == 0 || rest[0] != ',' {
			return nil
		}
		start = 1
	}
	if start < len(rest) && rest[start] == ' ' {
		start++
	}
	if len(rest) < start+size+2 || rest[start] != '"' || rest[start+1+size] != '"' {
		return nil
	}
	s.peeked = s.pos + start + size + 2
	return rest[start+1 : start+1+size : start+1+size]
}

// Take moves past the element that Peek has just returned, as one that was read.
func (s *Scanner) Take() {
	s.pos = s.peeked
	s.frames[s.depth-1].count++
}

// moved skips a value left unread and moves on in the innermost frame.
func (s *Scanner) moved(array bool) bool {
	if !s.read {
		s.Skip()
	}
	if s.syntax != nil {
		return false
	}
	if s.depth == 0 || s.frames[s.depth-1].array != array {
		panic("strictjson: Member belongs to an open object, Element to an open array")
	}
	return s.next()
}

// enter opens the object or array at the present byte.
func (s *Scanner) enter() bool {
	if s.depth == MaxDepth {
		s.fail(s.pos, "objects and arrays stand more than 32 levels deep")
		return false
	}
	s.frames[s.depth] = frame{first: s.names.count, array: s.data[s.pos] == '['}
	s.depth++
	s.pos++
	s.read = true
	return true
}

// next moves to the value of the next member or element of the innermost
// frame, or leaves the frame at its end. The value before must have been read.
func (s *Scanner) next() bool {
	f := &s.frames[s.depth-1]
	closing, wanted := byte('}'), "a comma or the end of the object"
	if f.array {
		closing, wanted = ']', "a comma or the end of the array"
	}
	c := s.token()
	if c == closing {
		s.pos++
		s.release(f)
		s.depth--
		return false
	}
	if f.count > 0 {
		if c != ',' {
			s.unexpected(wanted)
			return false
		}
		s.pos++
		c = s.token()
	}
	if !f.array && !s.name(f, c) {
		return false
	}
	f.count++
	s.read = false
	return true
}

// name reads a member's name and the colon, c being the byte at hand.
func (s *Scanner) name(f *frame, c byte) bool {
	if c != '"' {
		s.unexpected("a member's name")
		return false
	}
	start := s.pos
	raw, escaped, ok := s.quoted()
	if !ok {
		return false
	}
	if !s.declare(f, start+1, raw, escaped) {
		s.fail(start, "the object has this member twice")
		return false
	}
	if s.token() != ':' {
		s.unexpected("a colon")
		return false
	}
	s.pos++
	return true
}

// expect reports whether the value that is ready is of the kind asked for;
// where not, it is skipped and a content error recorded.
func (s *Scanner) expect(want Kind, wording string) bool {
	kind := s.Kind()
	if kind == want {
		return true
	}
	if kind != Invalid {
		s.Skip()
		s.Fail("must be " + wording + ", not " + kind.String())
	}
	return false
}
