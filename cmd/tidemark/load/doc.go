// Package load drives a running tidemark through its public HTTP API, as
// outsiders do. [Importer] sends a recorded trace of events through the bulk
// way in; [Workload] plays feed pollers, viewers, likers and job workers for a
// while and measures what they see.
//
// It knows nothing of the service's inside: of the module it imports sleep alone.
// The command line, the secret and the minting of tokens are left to the caller.
package load
