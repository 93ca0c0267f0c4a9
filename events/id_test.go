package events

import (
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
)

const plainID = "0190163d-8694-739b-aea5-966c26f8ad91"

func TestParseUUIDTakesTheCanonicalFormOnly(t *testing.T) {
	for _, good := range []string{
		plainID, strings.ToUpper(plainID), "0190163D-8694-739b-AEA5-966c26f8ad91",
		"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
	} {
		var id VideoID
		if !ParseUUID((*[16]byte)(&id), good) || id.String() != strings.ToLower(good) {
			t.Errorf("ParseUUID(%q) reads %v", good, id)
		}
		if id.IsZero() != strings.HasPrefix(good, "00000000") {
			t.Errorf("%v: IsZero is %t", id, id.IsZero())
		}
	}
	bad := []string{
		"", plainID[:35], plainID + "0", " " + plainID[1:], "urn:uuid:" + plainID, "{" + plainID + "}", `"` + plainID + `"`,
		strings.ReplaceAll(plainID, "-", ""), strings.ReplaceAll(plainID, "-", "_"), "0190163d8-694-739b-aea5-966c26f8ad91",
		"*", ">", "a.b", "$JS.API.STREAM.DELETE.x", "x\r\nPUB a 0\r\n", plainID[:35] + "é"[:1], strings.Repeat("0", 1<<20),
	}
	for i := range plainID {
		for _, c := range []byte{'g', 'G', '/', ':', '@', '`', '-' + 1, ' ', 0, 0xff, '*', '>', '\n'} {
			bad = append(bad, plainID[:i]+string([]byte{c})+plainID[i+1:])
		}
	}
	for _, text := range bad {
		if ParseUUID(new([16]byte), text) {
			t.Errorf("ParseUUID(%.80q) takes it", text)
		}
	}
}

// TestParseUUIDKnowsEachByteAtEachPlace puts each byte at each place, among
// digits that carry into their neighbours if any do.
func TestParseUUIDKnowsEachByteAtEachPlace(t *testing.T) {
	for _, around := range []string{"ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-000000000000", plainID} {
		for i := range around {
			for c := range 256 {
				text := []byte(around)
				text[i] = byte(c)
				var id [16]byte
				want := canonicalID.Match(text)
				if got := ParseUUID(&id, text); got != want {
					t.Fatalf("ParseUUID(%q) = %t, want %t", text, got, want)
				}
				if digits, _ := hex.DecodeString(strings.ReplaceAll(string(text), "-", "")); want && string(id[:]) != string(digits) {
					t.Fatalf("ParseUUID(%q) = %x", text, id)
				}
			}
		}
	}
}

var canonicalID = regexp.MustCompile(`\A[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\z`)

func FuzzParseUUID(f *testing.F) {
	for _, seed := range []string{plainID, strings.ToUpper(plainID), "{" + plainID + "}", plainID[1:] + "-", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var id, fromBytes [16]byte
		got := ParseUUID(&id, text)
		if want := canonicalID.MatchString(text); got != want || ParseUUID(&fromBytes, []byte(text)) != want {
			t.Fatalf("ParseUUID(%q) = %t, want %t", text, got, want)
		}
		if !got {
			return
		}
		want, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
		if err != nil || string(want) != string(id[:]) || id != fromBytes {
			t.Fatalf("ParseUUID(%q) = %x, want %x", text, id, want)
		}
		if s := ItemID(id).String(); s != strings.ToLower(text) {
			t.Fatalf("%q is written as %q", text, s)
		}
	})
}
