package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckAccepts(t *testing.T) {
	for _, doc := range []string{
		`null`, `true`, `false`, `0`, `-0`, `-0.0`, `10`, `1.5`, `1e3`, `1E+3`, `1e-03`, `1e400`, `9223372036854775808`,
		`""`, `"a"`, `"\"\\\/\b\f\n\r\t"`, `"\u0000"`, `"\uD834\uDD1E"`, `"\ud834\udd1e"`, `"\uFFFF"`, "\"\x7f\"", "\"\u202e\"",
		`"é"`, `"日本語 and enough after it to fill words of eight bytes"`, "\"\U0010ffff\"", "\"\ufeff\"",
		`{}`, `[]`, `[[]]`, `[{}]`, `{"a":{}}`, `{"":0}`, `{"":{"":0}}`, " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : null } \n",
		`{"a":1,"A":2}`, `{"a":{"a":{"a":1}}}`, `[{"a":1},{"a":1}]`, `{"a\u0000":1,"a":2}`,
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
		strings.Repeat(`{"a":`, MaxDepth) + "1" + strings.Repeat("}", MaxDepth),
	} {
		if err := Check([]byte(doc)); err != nil {
			t.Errorf("Check(%q) = %v", doc, err)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, test := range []struct {
		doc    string
		offset int
	}{
		{``, 0}, {` `, 1}, {"\ufeff{}", 0}, {"\ufeff", 0}, {"\x00", 0}, {"{}\x00", 2}, {"\v1", 0}, {"\u00a01", 0},
		{`{} {}`, 3}, {`1 2`, 2}, {`{}x`, 2}, {`[]]`, 2}, {`1,`, 1}, {`"a""b"`, 3}, {`nulls`, 4},
		{`nul`, 0}, {`nulL`, 0}, {`True`, 0}, {`tru`, 0}, {`fals`, 0}, {`NaN`, 0}, {`Infinity`, 0}, {`-Infinity`, 1}, {`undefined`, 0},
		{`+1`, 0}, {`-`, 1}, {`--1`, 1}, {`01`, 1}, {`-01`, 2}, {`1.`, 2}, {`.5`, 0}, {`1.e3`, 2}, {`1e`, 2}, {`1e+`, 3}, {`0x10`, 1}, {`1_000`, 1}, {`1e1.5`, 3},
		{`"`, 1}, {`"abc`, 4}, {`'a'`, 0}, {"\"a\nb\"", 2}, {"\"a\x00b\"", 2}, {"\"12345678\x1f\"", 9}, {"\"\t\"", 1},
		{`"\x41"`, 1}, {`"\`, 1}, {`"\"`, 3}, {`"\u12"`, 1}, {`"\u12G4"`, 1}, {`"\u+123"`, 1}, {`"\U0041"`, 1}, {`"\u`, 1},
		{`"\ud800"`, 1}, {`"\udc00"`, 1}, {`"\ud800\ud800"`, 1}, {`"\udc00\ud800"`, 1}, {`"\ud800\n"`, 1}, {`"\ud800x"`, 1}, {`"\ud800\u0041"`, 1},
		{"\"\xff\"", 1}, {"\"a\xc3\"", 2}, {"\"\xc0\xaf\"", 1}, {"\"\xed\xa0\x80\"", 1}, {"\"\xf4\x90\x80\x80\"", 1}, {"\"é\x80\"", 3}, {"{\"\xff\":1}", 2}, {"[\xff]", 1},
		{`[`, 1}, {`[1`, 2}, {`[1,`, 3}, {`[1,]`, 3}, {`[,1]`, 1}, {`[,]`, 1}, {`[1 2]`, 3}, {`[1}`, 2}, {`[1,,2]`, 3}, {`]`, 0}, {`[1]/**/`, 3},
		{`{`, 1}, {`{"a"`, 4}, {`{"a":`, 5}, {`{"a":1`, 6}, {`{"a":1,`, 7}, {`{"a":1,}`, 7}, {`{,}`, 1}, {`{a:1}`, 1}, {`{1:1}`, 1}, {`{"a" 1}`, 5}, {`{"a"::1}`, 5}, {`{"a":1]`, 6}, {`{"a":1 "b":2}`, 7}, {`{null:1}`, 1},
		{`{"a":1,"a":1}`, 7}, {`{"a":1,"\u0061":1}`, 7}, {`{"\u0061":1,"a":1}`, 12}, {`{"\u0061":1,"\u0061":1}`, 12}, {`{"":1,"":1}`, 6},
		{`{"\ud834\udd1e":1,"𝄞":1}`, 18}, {`{"\/":1,"/":1}`, 8}, {`{"a":{"b":1,"b":1}}`, 12}, {`{"a":{"b":1},"a":1}`, 13}, {`[[{"x":[{"x":1,"x":1}]}]]`, 15},
		{strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), MaxDepth}, {strings.Repeat("[", 10_001), MaxDepth},
		{strings.Repeat(`{"a":`, MaxDepth) + "[]", 5 * MaxDepth},
	} {
		err := Check([]byte(test.doc))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("Check(%.40q) = %v", test.doc, err)
		} else if syntax.Offset != test.offset {
			t.Errorf("Check(%.40q) = %v, offset should be %d", test.doc, err, test.offset)
		}
	}
}

func TestCheckFindsABadByteAtEveryPlaceOfAString(t *testing.T) {
	for size := range 40 {
		for at := range size {
			for _, bad := range []byte{0, 0x1f, '\\', '"', 0x80, 0xff} {
				text := bytes.Repeat([]byte("x"), size)
				text[at] = bad
				doc := append(append([]byte{'"'}, text...), '"')
				if want := oracle(doc); (Check(doc) == nil) != want {
					t.Fatalf("Check(%q) = %v, accepted should be %t", doc, Check(doc), want)
				}
			}
		}
	}
}

func TestCheckFindsDuplicatesAmongManyMembers(t *testing.T) {
	for _, size := range []int{1, maxLinear - 1, maxLinear, maxLinear + 1, inlineNames, inlineNames + 1, 100, 20_000} {
		for _, again := range []int{-1, 0, size / 2, size - 1} {
			var doc strings.Builder
			doc.WriteString(`[{"n0":{"first":0,`) // enclosing objects may have the same names
			for i := range size {
				fmt.Fprintf(&doc, `"n%d":{"n0":0,"n%d":{}},`, i, size+i)
			}
			wrong := again >= 0
			if !wrong {
				again = size
			}
			fmt.Fprintf(&doc, `"\u006e%d":0}}]`, again)
			if err := Check([]byte(doc.String())); (err != nil) != wrong {
				t.Errorf("%d members, n%d again: %v", size, again, err)
			}
		}
	}
}

func TestLargeObjectsWithinOneAnother(t *testing.T) {
	// Each level has its names half before and half after the next level, so
	// the index takes names and gives them back in between.
	for _, duplicate := range []bool{false, true} {
		doc := `0`
		for level := range MaxDepth - 1 {
			var object strings.Builder
			object.WriteByte('{')
			for i := range 40 {
				fmt.Fprintf(&object, `"m%d":0,`, i)
			}
			fmt.Fprintf(&object, `"inner":%s`, doc)
			for i := range 40 {
				fmt.Fprintf(&object, `,"m%d":0`, 40+i)
			}
			if duplicate && level == 0 {
				object.WriteString(`,"m\u0033":0`)
			}
			doc = object.String() + "}"
		}
		if err := Check([]byte(doc)); (err != nil) != duplicate {
			t.Errorf("duplicate %t: %v", duplicate, err)
		}
	}
}

func TestResetAfterAWalkThatStoppedWithinALargeObject(t *testing.T) {
	var members []string
	for i := range 100 {
		members = append(members, fmt.Sprintf(`"m%d":%d`, i, i))
	}
	object := "{" + strings.Join(members, ",")
	var s Scanner
	for range 3 {
		s.Reset([]byte(object + `,"m7":0}`))
		if err := s.End(); err == nil {
			t.Fatal("duplicate accepted")
		}
		s.Reset([]byte(object + "}"))
		if err := s.End(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheckAgreesWithEncodingJSONOnRandomDocuments(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{
		"{", "}", "[", "]", ",", ":", " ", "\n", `"a"`, `"b"`, `"\u0061"`, `"é"`, `"\ud834\udd1e"`, `"\ud834"`, "\"\xff\"",
		"0", "-1", "1.5", "1e3", "01", "true", "false", "null", "nul", `"`, `\`, "\x01", `{"a":1}`, `[1,2]`, `"a":`, `"b":`,
	}
	for range 200_000 {
		var doc []byte
		for range 1 + random.IntN(9) {
			doc = append(doc, pieces[random.IntN(len(pieces))]...)
		}
		if err, want := Check(doc), oracle(doc); (err == nil) != want {
			t.Fatalf("Check(%q) = %v, accepted should be %t", doc, err, want)
		}
	}
}

// oracle decides by encoding/json, and plain code that shares nothing with the
// scanner, whether a document is strict JSON.
func oracle(doc []byte) bool {
	return json.Valid(doc) && utf8.Valid(doc) && !loneSurrogate(doc) && uniqueAndFlat(doc)
}

// loneSurrogate looks for the halves of surrogate pairs in a valid document.
func loneSurrogate(doc []byte) bool {
	high := false
	for i := 0; i < len(doc); i++ {
		var unit uint32
		if doc[i] == '\\' {
			i++
			if doc[i] == 'u' {
				fmt.Sscanf(string(doc[i+1:i+5]), "%04x", &unit)
				i += 4
			}
		}
		low := unit >= 0xdc00 && unit <= 0xdfff
		if high != low {
			return true
		}
		high = unit >= 0xd800 && unit <= 0xdbff
	}
	return high
}

// uniqueAndFlat checks depth and duplicates of a valid document.
func uniqueAndFlat(doc []byte) bool {
	type level struct {
		seen    map[string]bool // nil for an array
		isValue bool
	}
	var open []level
	decoder := json.NewDecoder(bytes.NewReader(doc))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return true
		}
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			open = open[:len(open)-1]
			continue
		}
		if len(open) > 0 && open[len(open)-1].seen != nil {
			top := &open[len(open)-1]
			if !top.isValue {
				name := token.(string)
				if top.seen[name] {
					return false
				}
				top.seen[name], top.isValue = true, true
				continue
			}
			top.isValue = false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{seen: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		}
		if len(open) > MaxDepth {
			return false
		}
	}
}
