// Package replay folds the log once more, beside the read model that serves. It
// explains a number by its events, tells what counts were at an earlier position
// or without some accounts, writes logs to files and reads them back: all that
// changes nothing. Runs own what takes its time, and what does change something:
// a rebuild that takes the serving model's place, and a repair that writes some of
// its keys anew. The log is never changed, and nothing is sent outward but the
// entry of the audit.
//
// Messages come from a Source: the event log, an export, an archive, or several
// of them joined. What events mean is package projector's: its fold is run here
// over other messages, or over fewer of them. Models that only answer a question
// are thrown away; how one comes to serve is package projector's as well (Shadow).
package replay
