// Package strictjson reads JSON that others send: request bodies, CloudEvents,
// token segments. It walks a document once, hands out what the caller asks for
// and allocates nothing as long as the document is good.
//
// It tells two sorts of error apart. A [SyntaxError] means that the bytes are
// no strict JSON document: RFC 8259 without a byte order mark, in valid UTF-8,
// with nothing after the value, no lone surrogate, no member twice in one
// object (compared after unescaping), at most [MaxDepth] levels deep. Content
// errors ([ContentErrors]) mean that the document is JSON but not what the
// caller asks for; each has a JSON Pointer (RFC 6901) to the place. A syntax
// error anywhere takes precedence over every content error, so a content error
// never stops the walk: it is recorded, the value is skipped with all checks,
// and only [Scanner.End] tells the verdict.
//
// A walk looks like this:
//
//	var s strictjson.Scanner
//	s.Reset(body)
//	if s.Object() {
//		for name, ok := s.Member(); ok; name, ok = s.Member() {
//			switch string(name) {
//			case "video_ids":
//				if !s.Array() {
//					continue
//				}
//				for s.Element() {
//					if text, ok := s.String(); ok && !events.ParseUUID(&id, text) {
//						s.Fail("is not a UUID")
//					}
//				}
//			default:
//				s.Unknown()
//			}
//		}
//		if !seen {
//			s.Missing("video_ids")
//		}
//	}
//	return s.End()
//
// What the values mean, which members there are and which HTTP status an error
// becomes is left to the caller.
package strictjson
