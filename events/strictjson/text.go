package strictjson

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// String reads a string and returns what it stands for, unescaped. The bytes
// alias the document, or a buffer of the scanner where the string has escapes;
// either way they are valid until Reset and must not be changed. Where the
// value is no string, a content error is recorded and ok is false.
func (s *Scanner) String() (text []byte, ok bool) {
	if !s.expect(String, "a string") {
		return nil, false
	}
	s.read = true
	raw, escaped, ok := s.quoted()
	if ok && escaped {
		return s.unescape(raw), true
	}
	return raw, ok
}

// Plain returns what stands between the quotes of the string that data begins
// with, if that is ASCII without an escape, as most are; it aliases data. Where
// it is not ok there may be another string, or none, or no end of it. It is for
// short ways like Scanner.Ready.
func Plain(data []byte) (text []byte, ok bool) {
	if len(data) == 0 || data[0] != '"' {
		return nil, false
	}
	end, seen := plain(data, 1, 0)
	if end == len(data) || data[end] != '"' || seen >= utf8.RuneSelf {
		return nil, false
	}
	return data[1:end:end], true
}

// quoted reads the string literal at the present byte and returns what stands
// between the quotes, and whether there is an escape in it.
func (s *Scanner) quoted() (raw []byte, escaped, ok bool) {
	data, start := s.data, s.pos+1
	i, seen := start, byte(0)
	for {
		i, seen = plain(data, i, seen)
		if i == len(data) {
			s.fail(i, "the document ends within a string")
			return nil, false, false
		}
		switch data[i] {
		case '"':
			raw = data[start:i:i]
			if seen >= utf8.RuneSelf && !utf8.Valid(raw) {
				s.fail(start+invalidAt(raw), "the string is not valid UTF-8")
				return nil, false, false
			}
			s.pos = i + 1
			return raw, escaped, true
		case '\\':
			size, problem := escape(data[i:])
			if problem != "" {
				s.fail(i, problem)
				return nil, false, false
			}
			i, escaped = i+size, true
		default:
			s.fail(i, "a control character stands within a string")
			return nil, false, false
		}
	}
}

// plain returns the offset of the first byte from i on that is a quote, a
// backslash or a control character, or the length of data; and seen, with the
// high bit set if one of the bytes passed may be beyond ASCII.
func plain(data []byte, i int, seen byte) (int, byte) {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	// Eight bytes at a time. A byte of (x^c*ones)-ones borrows only where x has
	// c, so the lowest high bit is exact, and it is the one that counts.
	var beyond uint64
	for ; i+8 <= len(data); i += 8 {
		word := binary.LittleEndian.Uint64(data[i:])
		beyond |= word
		stop := ((word ^ '"'*ones) - ones) | ((word ^ '\\'*ones) - ones) | (word - ' '*ones)
		if stop &= highs &^ word; stop != 0 {
			i += bits.TrailingZeros64(stop) / 8
			break
		}
	}
	if beyond&highs != 0 {
		seen |= utf8.RuneSelf
	}
	for ; i < len(data); i++ {
		c := data[i]
		if c == '"' || c == '\\' || c < ' ' {
			break
		}
		seen |= c
	}
	return i, seen
}

// invalidAt returns the offset of the first byte that is not UTF-8.
func invalidAt(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}

// escape checks the escape sequence, or the pair of them that makes one
// character, at the start of data. It returns its length or what is wrong.
func escape(data []byte) (size int, problem string) {
	if len(data) < 2 {
		return 0, "the document ends within a string"
	}
	switch data[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, ""
	case 'u':
	default:
		return 0, "there is no such escape"
	}
	r, ok := hex4(data)
	switch {
	case !ok:
		return 0, "four hex digits must stand after \\u"
	case !utf16.IsSurrogate(r):
		return 6, ""
	}
	if low, ok := hex4(data[6:]); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
		return 12, ""
	}
	return 0, "an escaped surrogate stands without its other half"
}

// hex4 reads the \uXXXX at the start of data.
func hex4(data []byte) (r rune, ok bool) {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0, false
	}
	for _, c := range data[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape appends what a checked literal stands for to the scanner's text and
// returns that part of it. It is never longer than the literal.
func (s *Scanner) unescape(raw []byte) []byte {
	from := len(s.text)
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			s.text = append(s.text, raw...)
			return s.text[from:len(s.text):len(s.text)]
		}
		s.text = append(s.text, raw[:i]...)
		raw = raw[i:]
		if raw[1] != 'u' {
			s.text = append(s.text, shortEscapes[raw[1]])
			raw = raw[2:]
			continue
		}
		r, _ := hex4(raw)
		raw = raw[6:]
		if utf16.IsSurrogate(r) {
			low, _ := hex4(raw)
			r = utf16.DecodeRune(r, low)
			raw = raw[6:]
		}
		s.text = utf8.AppendRune(s.text, r)
	}
}

// shortEscapes maps the letter of a two-byte escape to what it stands for.
var shortEscapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}
