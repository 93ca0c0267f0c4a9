package strictjson

import "math"

// MaxDepth is how many objects and arrays may be open at once. It is part of
// the syntax: a deeper document is refused whether or not anyone reads it.
const MaxDepth = 32

// Bounds on what a scanner keeps for the next document, so that one large
// document does not hold memory for ever.
const (
	keptTextBytes = 64 << 10
	keptNames     = 4 << 10
)

// Kind is the type of a value.
type Kind uint8

// The kinds of value. Invalid stands for a syntax error.
const (
	Invalid Kind = iota
	Object
	Array
	String
	Number
	Bool
	Null
)

// String returns the kind with its article, as messages need it.
func (k Kind) String() string {
	return [...]string{"nothing", "an object", "an array", "a string", "a number", "a boolean", "null"}[k]
}

// kinds maps the first byte of a value to its kind.
var kinds = [256]Kind{
	'{': Object, '[': Array, '"': String, 't': Bool, 'f': Bool, 'n': Null, '-': Number,
	'0': Number, '1': Number, '2': Number, '3': Number, '4': Number,
	'5': Number, '6': Number, '7': Number, '8': Number, '9': Number,
}

// Scanner walks one JSON document once, from front to back. The zero Scanner
// has an empty document; Reset gives it another and keeps its buffers. It does
// not move to the heap by itself, so a local variable will do; it must not be
// copied during a walk, nor used by two goroutines at once.
//
// A value is ready at the start of the document and after a Member or Element
// that returned true. It is read once, by one of Object, Array, String, Int,
// Number, Bool, Null, Raw, Skip or Unknown; reading a value that is not ready
// is a mistake in the program and panics. A value left unread is skipped.
//
// After a syntax error every method returns false, nil or Invalid at once.
type Scanner struct {
	data   []byte
	pos    int // the next byte to look at
	depth  int // open objects and arrays: frames[:depth]
	read   bool
	syntax *SyntaxError

	content ContentErrors
	// text holds what strings with escapes stand for. It only grows during a
	// walk, so what has been handed out stays as it is.
	text   []byte
	frames [MaxDepth]frame
	names  nameStack
}

// Reset starts a walk over data, which must not change until the walk and the
// use of what it returned are over. Names and strings that an earlier walk
// returned are no longer valid.
func (s *Scanner) Reset(data []byte) {
	s.data, s.pos, s.depth, s.read = data, 0, 0, false
	s.syntax, s.content = nil, nil
	s.text = s.text[:0]
	if cap(s.text) > keptTextBytes {
		s.text = nil
	}
	s.names.reset()
	if len(data) > math.MaxInt32 {
		s.fail(math.MaxInt32, "the document is too long")
	}
}

// Kind looks at the value that is ready and tells its kind by its first byte,
// without reading it.
func (s *Scanner) Kind() Kind {
	if s.syntax != nil {
		return Invalid
	}
	if s.read {
		panic("strictjson: no value is ready; call Member or Element first")
	}
	kind := kinds[s.token()]
	if kind == Invalid {
		s.unexpected("a value")
	}
	return kind
}

// Skip reads past the value that is ready, with all syntax checks. It does
// nothing where the value has been read.
func (s *Scanner) Skip() {
	if s.read {
		return
	}
	base := s.depth
	s.step()
	s.leave(base)
}

// Raw returns the bytes of the value that is ready, with all syntax checks and
// without white space around it. They alias the document. It returns nil after
// a syntax error.
func (s *Scanner) Raw() []byte {
	if s.Kind() == Invalid {
		return nil
	}
	start := s.pos
	s.Skip()
	if s.syntax != nil {
		return nil
	}
	return s.data[start:s.pos:s.pos]
}

// End checks what is left of the document, wherever the walk has stopped, and
// gives the verdict: a *SyntaxError, or ContentErrors, or nil.
func (s *Scanner) End() error {
	s.Skip()
	s.leave(0)
	if s.syntax == nil {
		if s.token(); s.pos < len(s.data) {
			s.fail(s.pos, "nothing may stand after the value")
		}
	}
	switch {
	case s.syntax != nil:
		return s.syntax
	case len(s.content) > 0:
		return s.content
	}
	return nil
}

// Check reports the first syntax error of a document as a *SyntaxError.
func Check(data []byte) error {
	var s Scanner
	s.Reset(data)
	return s.End()
}

// step reads the scalar, or enters the object or array, that is ready.
func (s *Scanner) step() {
	switch s.Kind() {
	case Object, Array:
		s.enter()
	case String:
		s.quoted()
	case Number:
		s.number()
	case Bool, Null:
		s.literal()
	case Invalid:
		return
	}
	s.read = true
}

// leave reads on until at most base objects and arrays are open. It is a loop
// rather than a recursion, so nesting costs frames, not stack.
func (s *Scanner) leave(base int) {
	for s.depth > base && s.syntax == nil {
		if s.next() {
			s.step()
		}
	}
}

// token moves to the next byte that is not white space and returns it, or 0 at
// the end of the document.
func (s *Scanner) token() byte {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		s.pos++
	}
	return 0
}
