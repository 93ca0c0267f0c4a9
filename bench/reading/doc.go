// Package reading measures how counters are read: tidemark, the floor of HTTP
// and the peers, with the same videos, the same requests and the same answers.
package reading
