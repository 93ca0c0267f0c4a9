package strictjson

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxErrors is how many content errors are kept; more would help nobody and
// would make the answer to a hostile document long.
const MaxErrors = 20

// maxPointerRunes bounds how much of the document an error repeats.
const maxPointerRunes = 64

// SyntaxError says that the bytes are not a strict JSON document. Detail
// repeats nothing of the document.
type SyntaxError struct {
	Offset int // bytes before the place of the error
	Detail string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("JSON syntax at byte %d: %s", e.Offset, e.Detail)
}

// ContentError says what is wrong with one value of a well-formed document.
//
// Pointer is the value's JSON Pointer. It has at most 64 characters, all
// printable: where a member's name is too long or unprintable, it names the
// nearest enclosing value that can be named, and Detail says so.
type ContentError struct {
	Pointer string
	Detail  string
}

// ContentErrors are the first [MaxErrors] content errors in the order in which
// they were found; never empty where it stands for an error.
type ContentErrors []ContentError

func (e ContentErrors) Error() string {
	var text strings.Builder
	for i, one := range e {
		if i > 0 {
			text.WriteString("; ")
		}
		if one.Pointer != "" {
			text.WriteString(one.Pointer + ": ")
		}
		text.WriteString(one.Detail)
	}
	return text.String()
}

// Fail records a content error at the present location: the value read last,
// be it a scalar or an object or array that has been walked to its end. Detail
// must not repeat more than 64 characters of the document.
func (s *Scanner) Fail(detail string) {
	if s.syntax != nil || len(s.content) == MaxErrors {
		return
	}
	pointer, exact := s.pointer()
	if !exact {
		detail = "in a member whose name is not shown: " + detail
	}
	s.content = append(s.content, ContentError{Pointer: pointer, Detail: detail})
}

// Missing records that the object that has just been walked to its end lacks a
// member.
func (s *Scanner) Missing(name string) { s.Fail("member " + strconv.Quote(name) + " is missing") }

// Unknown records that the member returned last is none that the caller knows,
// and skips its value.
func (s *Scanner) Unknown() {
	s.Skip()
	s.Fail("unknown member")
}

// TakeErrors returns the content errors recorded so far, nil for none, and
// forgets them: a batch uses it after each element to judge elements one by one.
func (s *Scanner) TakeErrors() ContentErrors {
	taken := s.content
	s.content = nil
	return taken
}

// fail records the first syntax error; the walk is over with it.
func (s *Scanner) fail(offset int, detail string) {
	if s.syntax == nil {
		s.syntax = &SyntaxError{Offset: offset, Detail: detail}
	}
}

// unexpected records that something other than what must stand here does.
func (s *Scanner) unexpected(wanted string) {
	switch {
	case s.pos >= len(s.data):
		s.fail(len(s.data), "the document ends where "+wanted+" must stand")
	case s.pos == 0 && strings.HasPrefix(string(s.data[:min(3, len(s.data))]), "\ufeff"):
		s.fail(0, "a byte order mark stands before the document")
	default:
		s.fail(s.pos, wanted+" must stand here")
	}
}

// pointer builds the JSON Pointer of the present location. It is built on
// errors only: the frames hold all that it takes. exact is false where it had
// to stop at an enclosing value.
func (s *Scanner) pointer() (pointer string, exact bool) {
	var path []byte
	for i := range s.depth {
		f := &s.frames[i]
		if f.count == 0 { // entered, nothing of it read
			break
		}
		known := len(path)
		path = append(path, '/')
		if f.array {
			path = strconv.AppendInt(path, int64(f.count)-1, 10)
		} else {
			name := s.nameText(s.names.at(f.first + f.count - 1))
			if !showable(name) {
				return string(path[:known]), false
			}
			path = appendToken(path, name)
		}
		if utf8.RuneCount(path) > maxPointerRunes {
			return string(path[:known]), false
		}
	}
	return string(path), true
}

// appendToken appends a reference token (RFC 6901, section 3).
func appendToken(path, name []byte) []byte {
	for _, c := range name {
		switch c {
		case '~':
			path = append(path, "~0"...)
		case '/':
			path = append(path, "~1"...)
		default:
			path = append(path, c)
		}
	}
	return path
}

// showable reports whether a name may be repeated in an answer: short, and
// without control, formatting or bidirectional characters.
func showable(name []byte) bool {
	if len(name) > maxPointerRunes*utf8.UTFMax {
		return false
	}
	for _, r := range string(name) {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}
