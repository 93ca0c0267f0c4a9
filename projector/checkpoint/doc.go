// Package checkpoint is the one door to Badger: it keeps the read model's bytes
// so that a start need not fold the whole log again. It stores keys and values
// under version numbers and knows nothing of what they mean; encoding is
// projector/readmodel's, deciding when to write is the projector's, and so is a
// guard for free disk space (Badger dies of SIGBUS on a full disk).
//
// # A version is all or nothing
//
// One Badger transaction holds some 26,000 entries, so a version takes many.
// They are committed at one timestamp, and the marker comes last, alone. A
// version without its marker is torn: reads stay at the timestamp of the last
// marker and do not see it. But the next complete version would, so a torn
// version is healed before anything else is written (heal.go): each key it
// touched gets back, at a newer timestamp, what it had at the marker.
//
// Hence a timestamp is not a version. Every attempt takes a fresh timestamp,
// because two different entries for one key at one timestamp have no defined
// order in Badger. The marker holds how timestamps map to versions.
//
// # What is on the disk when
//
// Write syncs everything before it writes the marker, and nothing after
// (sync.go says why). A power cut may cost the last marker, never the truth of
// one that is there. Old values are discarded only up to a marker known to be
// on the disk, and a small file, FLOOR, says how far that went: a marker below
// it cannot be trusted.
//
// # What Badger does not notice
//
// Badger answers some damage with silence: a block or value that cannot be read
// counts as absent, a log file with a flipped byte is cut off there, tables
// unknown to a shortened MANIFEST are deleted. Other damage ends the process.
// So Open checks the files itself first (preflight.go), every value carries a
// checksum over key and value (layout.go), and each marker names rows that must be there if
// no write-ahead log was lost (witness.go).
package checkpoint
