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

// Ahead is a short way through arrays of plain strings. Just after Array it
// returns what stands behind the bracket; anywhere else it returns nil. Whoever
// knows the form of the elements reads as many of them as stand there in that
// form, and then calls Advance for those and goes on with Element. It must have
// found of every byte it passed that strict JSON has it there: nothing looks at
// them again.
func (s *Scanner) Ahead() []byte {
	if !s.read || s.syntax != nil || s.depth == 0 {
		return nil
	}
	if f := &s.frames[s.depth-1]; !f.array || f.count > 0 {
		return nil
	}
	return s.data[s.pos:]
}

// Advance moves past elements that were read from what Ahead has just returned,
// the last of which ends before the given offset.
func (s *Scanner) Advance(offset, elements int) {
	s.pos += offset
	s.frames[s.depth-1].count += int32(elements)
}

// Ready is a short way through objects and arrays of a known form. It returns
// the document from the value that is ready on. Whoever finds that value in the
// form says with Pass how long it is, and must have found of every byte of it
// that strict JSON has it there, and nothing nested as deep as MaxDepth: nothing
// looks at it again. Whoever does not reads the value as any other.
func (s *Scanner) Ready() []byte {
	if s.Kind() == Invalid {
		return nil
	}
	return s.data[s.pos:]
}

// Pass moves past the value that is ready, of a size that Ready's answer has.
func (s *Scanner) Pass(size int) {
	s.pos += size
	s.read = true
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
