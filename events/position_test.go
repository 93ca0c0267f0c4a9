package events

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func drawPosition(t *rapid.T, label string) Position {
	return Position{
		Seq:   rapid.Uint64Range(0, 1<<50).Draw(t, label),
		Index: rapid.Uint16Range(0, MaxBatchEvents-1).Draw(t, label+" index"),
	}
}

func TestPackedPositionsOrderAsPositionsDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := drawPosition(t, "p"), drawPosition(t, "q")
		want := 0
		switch {
		case p.Seq < q.Seq || p.Seq == q.Seq && p.Index < q.Index:
			want = -1
		case p != q:
			want = 1
		}
		if p.Compare(q) != want || q.Compare(p) != -want || UnpackPosition(p.Packed()) != p {
			t.Fatalf("%v and %v: %d", p, q, p.Compare(q))
		}
	})
}

func drawToken(t *rapid.T) Token {
	token := Token{
		Floor: drawPosition(t, "floor"), Ceiling: drawPosition(t, "ceiling"),
		Tag: rapid.Uint32().Draw(t, "tag"), Generation: rapid.Uint32().Draw(t, "generation"),
	}
	copy(token.Incarnation[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "incarnation"))
	if token.Ceiling.Compare(token.Floor) < 0 {
		token.Floor, token.Ceiling = token.Ceiling, token.Floor
	}
	return token
}

func TestTokensReadBackAsWritten(t *testing.T) {
	opaque := regexp.MustCompile(`\A[A-Za-z0-9_-]+\z`)
	rapid.Check(t, func(t *rapid.T) {
		token := drawToken(t)
		text := token.String()
		if got, err := ParseToken(text); err != nil || got != token || !opaque.MatchString(text) {
			t.Fatalf("ParseToken(%q) = %+v, %v; want %+v", text, got, err, token)
		}
	})
}

func TestEveryTamperedTokenIsRefused(t *testing.T) {
	token := Token{Floor: Position{Seq: 123_456, Index: 7}, Ceiling: Position{Seq: 123_460, Index: 999}, Tag: 0xdeadbeef, Generation: 3}
	text := token.String()
	refused := func(tampered string) {
		if got, err := ParseToken(tampered); !errors.Is(err, ErrBadToken) || got != (Token{}) {
			t.Errorf("ParseToken(%.100q) = %+v, %v", tampered, got, err)
		}
	}
	for i := range text {
		for c := range 256 {
			if byte(c) != text[i] {
				refused(text[:i] + string([]byte{byte(c)}) + text[i+1:])
			}
		}
		refused(text[:i])
		refused(text[:i] + text[i+1:])
		for _, c := range []string{"A", "\n", "\r", "=", " "} { // the base64 decoder itself skips line feeds
			refused(text[:i] + c + text[i:])
		}
	}
	refused(text + "\n")
	refused(text + text)
	refused(strings.Repeat("A", 1<<20))
}

func TestTokensHaveOneSpelling(t *testing.T) {
	// A checksum keeps nobody from writing one, so forms that AppendTo never
	// writes need checks of their own.
	forge := func(fields ...byte) string {
		b := append([]byte{tokenVersion}, make([]byte, 16)...)
		b = append(append(b, fields...), 0, 0, 0, 0)
		return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, checksum(b)))
	}
	if _, err := ParseToken(forge(5, 0, 1)); err != nil {
		t.Fatalf("the plain form: %v", err)
	}
	most := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
	for name, fields := range map[string][]byte{
		"varint with a zero at its end": {0x85, 0x00, 0, 1},
		"ceiling beyond 64 bits":        append(append([]byte{}, most...), 1, 1),
		"generation beyond 32 bits":     {5, 0, 0x80, 0x80, 0x80, 0x80, 0x10},
		"a field too many":              {5, 0, 1, 0},
		"varint too long":               append(append([]byte{}, most[:9]...), 0x02, 0, 1),
	} {
		if _, err := ParseToken(forge(fields...)); !errors.Is(err, ErrBadToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTokensAllocateNothing(t *testing.T) {
	token := Token{Floor: Position{Seq: 123_456, Index: 7}, Ceiling: Position{Seq: 123_460, Index: 999}, Tag: 0xdeadbeef, Generation: 3}
	text := []byte(token.String())
	dst := make([]byte, 0, 2*len(text))
	if got := testing.AllocsPerRun(100, func() { token, _ = ParseToken(text) }); got != 0 {
		t.Errorf("parsing makes %v allocations", got)
	}
	if got := testing.AllocsPerRun(100, func() { dst = token.AppendTo(dst[:0]) }); got != 0 || string(dst) != string(text) {
		t.Errorf("writing %s makes %v allocations, want %s", dst, got, text)
	}
}

func BenchmarkParseToken(b *testing.B) {
	text := []byte(Token{Floor: Position{Seq: 123_456, Index: 7}, Ceiling: Position{Seq: 123_460, Index: 999}, Tag: 0xdeadbeef}.String())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseToken(text); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(Token{}.String())
	f.Add(Token{Floor: Position{1, 2}, Ceiling: Position{3, 4}, Tag: 5, Generation: 6}.String())
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if token, err := ParseToken(text); err == nil && token.String() != text {
			t.Fatalf("ParseToken(%q) = %+v, which is written %q", text, token, token.String())
		}
		// With the checksum made right, what is left of the decoder is tried.
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(raw) < tokenSum {
			return
		}
		body := raw[:len(raw)-tokenSum]
		forged := base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(body, checksum(body)))
		if token, err := ParseToken(forged); err == nil && token.String() != forged {
			t.Fatalf("ParseToken(%q) = %+v, which is written %q", forged, token, token.String())
		}
	})
}
