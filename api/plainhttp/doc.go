// Package plainhttp reads the HTTP/1.1 requests that nearly every client sends
// and writes their answers, at a third of what net/http takes for it. A poll of
// counters takes some microseconds beside it, so this is where a poll's time is.
//
// It knows a part of HTTP/1.1 only, and reads nothing that is not surely of that
// part. A request is plain if its method is one of six, its target a path of
// unescaped characters, its lines end in CR LF, no header comes twice, its Host
// is a name or an address, its body has a length or is not there, and it asks
// for nothing of the connection: no upgrade, no Expect, no Connection but
// keep-alive. Of every other request [Exchange.Read] says that it is not plain,
// and it goes to net/http as it came. So what is malformed, ambiguous or rare is
// judged in one place, which is not here; and whatever is plain, net/http reads
// in the same way (FuzzPlainRequestsAreReadAsNetHTTPReadsThem).
//
// Sockets, deadlines, and the order of requests on a connection are left to
// package api, what requests mean to its handlers. A handler sees an
// http.Request and an http.ResponseWriter as from net/http, with three
// differences: an answer is sent whole when the handler has returned (there is
// no Flush, so who streams must not be handed a plain request), the
// request and all in it but its strings are used again after that, and the
// context does not end with the client's connection.
package plainhttp
