package strictjson

import (
	"bytes"
	"math"
	"strconv"
)

// Int reads an integer from min to max. Where the value is another type, has a
// fraction or an exponent, is -0, or lies outside, a content error is recorded
// and ok is false: however large, a number is JSON and so no syntax error.
func (s *Scanner) Int(min, max int64) (value int64, ok bool) {
	if !s.expect(Number, "an integer") {
		return 0, false
	}
	s.read = true
	literal := s.number()
	if literal == nil {
		return 0, false
	}
	if bytes.ContainsAny(literal, ".eE") || string(literal) == "-0" {
		s.Fail("must be an integer in plain digits")
		return 0, false
	}
	// What is left to go wrong is the range of int64 itself.
	value, err := strconv.ParseInt(string(literal), 10, 64)
	if err != nil || value < min || value > max {
		s.Fail(rangeDetail(min, max))
		return 0, false
	}
	return value, true
}

// rangeDetail words a range, leaving out a bound that is int64's own.
func rangeDetail(min, max int64) string {
	switch {
	case min == math.MinInt64 && max == math.MaxInt64:
		return "must be an integer of 64 bits"
	case max == math.MaxInt64:
		return "must be an integer of " + strconv.FormatInt(min, 10) + " or more, in 64 bits"
	}
	return "must be an integer from " + strconv.FormatInt(min, 10) + " to " + strconv.FormatInt(max, 10)
}

// Number reads a number of any form and returns its literal, which aliases the
// document. Where the value is no number, a content error is recorded and ok
// is false.
func (s *Scanner) Number() (literal []byte, ok bool) {
	if !s.expect(Number, "a number") {
		return nil, false
	}
	s.read = true
	literal = s.number()
	return literal, literal != nil
}

// Bool reads a boolean. Where the value is none, a content error is recorded
// and ok is false.
func (s *Scanner) Bool() (value, ok bool) {
	if !s.expect(Bool, "a boolean") {
		return false, false
	}
	s.read = true
	value = s.data[s.pos] == 't'
	ok = s.literal()
	return value && ok, ok
}

// Null reads the value that is ready if it is null and reports whether it was;
// any other value stays ready.
func (s *Scanner) Null() bool {
	if s.Kind() != Null {
		return false
	}
	s.read = true
	return s.literal()
}

// literal reads the true, false or null at the present byte.
func (s *Scanner) literal() bool {
	word := "null"
	switch s.data[s.pos] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	}
	if rest := s.data[s.pos:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		s.fail(s.pos, word+" must stand here, or another value")
		return false
	}
	s.pos += len(word)
	return true
}

// number reads the number at the present byte and returns its literal, or nil
// after a syntax error.
func (s *Scanner) number() []byte {
	data, start := s.data, s.pos
	i := start
	if data[i] == '-' {
		i++
	}
	ok := true
	if i < len(data) && data[i] == '0' { // nothing may follow a leading zero
		i++
	} else {
		i, ok = digits(data, i)
	}
	if ok && i < len(data) && data[i] == '.' {
		i, ok = digits(data, i+1)
	}
	if ok && i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		i, ok = digits(data, i)
	}
	if !ok {
		s.fail(i, "a digit must stand here")
		return nil
	}
	s.pos = i
	return data[start:i:i]
}

// digits returns the end of the digits from i on and whether there are any.
func digits(data []byte, i int) (end int, ok bool) {
	end = i
	for end < len(data) && '0' <= data[end] && data[end] <= '9' {
		end++
	}
	return end, end > i
}
