// Package replay answers what a log adds up to beside the read model that
// serves: it explains a number by its events, tells what counts were at an
// earlier position or without some accounts, writes logs to files and reads them
// back. Nothing here changes the log or the serving model, and nothing is sent
// outward.
//
// Messages come from a Source: the event log, an export, an archive, or several
// of them joined. What events mean is package projector's, whose fold is run
// here over other messages, or over fewer of them, into models that are thrown
// away.
package replay
