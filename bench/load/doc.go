// Package load sends requests over HTTP/1.1 keep-alive connections and measures
// their answers, in a closed loop or at a fixed rate. Client and server share
// the machine's cores, so it is made to cost little: one epoll loop a thread,
// requests that are built beforehand, a parser that finds status and body and
// nothing else. What is sent and which answer is right is decided by a Script.
//
// At a fixed rate every latency counts from the moment at which the request was
// meant to be sent, whether or not a connection was free then: a server that
// stalls for a second is charged for all requests of that second, not for one.
package load
