package events

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// mutatedEvent is an event as a producer may write it that is wrong now and
// then: tokens are left out, said twice, exchanged, spaced and cut.
func mutatedEvent(r *rand.Rand, all map[Type]Data) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	types := Types()
	typ := types[r.IntN(len(types))]
	if r.IntN(2) == 0 {
		typ = types[r.IntN(10)]
	}
	e := Event{Meta: sampleMeta(typ), data: all[typ].appendTo(nil)}
	text, err := AppendCloudEvent(nil, &e, CloudEventDefaults{})
	if err != nil {
		panic(err)
	}
	tokens := tokensOf(string(text))
	for range r.IntN(4) {
		i, j := r.IntN(len(tokens)), r.IntN(len(tokens))
		switch r.IntN(9) {
		case 0:
			tokens[i] = ""
		case 1:
			tokens[i] += tokens[j]
		case 2:
			tokens[i], tokens[j] = tokens[j], tokens[i]
		case 3:
			tokens[i] = pick(" ", "  ", "\t", "\r") + tokens[i]
		case 4:
			tokens[i] += pick(" ", "\t")
		case 5:
			tokens[i] = pick(`null`, `1`, `"x"`, `{}`, `[]`, `"id"`, `"ID"`, `"data"`, `"type"`, `""`, `"\u0069d"`, `"video.viewed"`, `"1.0"`, `"0190163d-8694-739b-aea5-966c26f8ad9`, `"video_id"`, `"author_id"`, `"subject"`, `"é"`, "\"\xff\"")
		case 6:
			if len(tokens[i]) > 0 {
				b := []byte(tokens[i])
				b[r.IntN(len(b))] = byte(r.IntN(256))
				tokens[i] = string(b)
			}
		case 7: // a member and what stands behind it twice
			end := min(i+4, len(tokens))
			tokens[j] += strings.Join(tokens[i:end], "")
		case 8:
			return strings.Join(tokens[:i], "")
		}
	}
	return strings.ReplaceAll(strings.Join(tokens, pick("", "", "", " ")), "\n", "")
}

func tokensOf(text string) (tokens []string) {
	for text != "" {
		size := 1
		if text[0] == '"' {
			size = 2 + strings.IndexByte(text[1:], '"')
		} else if end := strings.IndexAny(text, `{}[],:"`); end > 0 {
			size = end
		}
		tokens, text = append(tokens, text[:size]), text[size:]
	}
	return tokens
}

// FuzzMutatedBodies reads bodies with the short way, spaced such that it gives
// up at each event, and with a reader that has read nothing else: all are told
// the same.
func FuzzMutatedBodies(f *testing.F) {
	for seed := range uint64(100) {
		f.Add(seed)
	}
	all := samples()
	var short, long CloudEventReader
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		rules := testRules
		rules.Admin = r.IntN(2) == 0
		if r.IntN(4) == 0 {
			rules.MaxEvents = 3
		}
		format, before, between, after := CloudEventBatch, "[", ",", "]"
		if r.IntN(2) == 0 {
			format, before, between, after = CloudEventLines, "", []string{"\n", "\r\n"}[r.IntN(2)], ""
		}
		var plain, spaced []string
		for range r.IntN(6) {
			e := mutatedEvent(r, all)
			plain, spaced = append(plain, e), append(spaced, strings.Replace(e, "{", "{  ", 1))
		}
		body := []byte(before + strings.Join(plain, between) + after)
		got, err := short.Read(body, format, rules)
		want, wantErr := long.Read([]byte(before+strings.Join(spaced, between)+after), format, rules)
		sameBodies(t, body, got, want, err, wantErr, true)
		want, wantErr = new(CloudEventReader).Read(body, format, rules)
		sameBodies(t, body, got, want, err, wantErr, false)
	})
}

// sameBodies compares what came of a body; of one that is spaced otherwise,
// syntax errors name another byte.
func sameBodies(t *testing.T, body []byte, got, want Ingested, err, wantErr error, spaced bool) {
	t.Helper()
	if reflect.TypeOf(err) != reflect.TypeOf(wantErr) || !bytes.Equal(got.Frames, want.Frames) || got.Events != want.Events ||
		got.Sent != want.Sent || len(got.Rejected) != len(want.Rejected) {
		t.Fatalf("%q: %+v, %v\nwant %+v, %v", body, got, err, want, wantErr)
	}
	for i, g := range got.Rejected {
		w := want.Rejected[i]
		if g != w && (!spaced || g.Index != w.Index || !strings.HasPrefix(g.Detail, "JSON syntax at byte ")) {
			t.Fatalf("%q: %+v, want %+v", body, g, w)
		}
	}
}
