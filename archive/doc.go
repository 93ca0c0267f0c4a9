// Package archive keeps the event log in Postgres, for years and for SQL: every
// message as it was, every event as a row with what the fold made of it, the
// history of the counters by hours and days. It is the one door to Postgres.
//
// # Exactly once
//
// The archive reads the log by sequence from its own position, as the fold does,
// never by a durable consumer. Rows go straight into the partitions by COPY, with
// the position in the same transaction, whose row is locked first and must be
// where this process left it. So a chunk is there whole or not at all, and where
// the answer to a commit was lost the next session reads what became of it. Why
// no staging table with ON CONFLICT DO NOTHING: nothing can be there twice, each
// row would be written twice, and a conflict would be hidden that means damage.
// Only the sums of the history are staged, since they are added to what is there.
//
// One process archives: the lock on it belongs to the connection that writes.
// Others wait, and take over when it is gone.
//
// # What counted
//
// Which of the events counted (repeats, what came too late, retracted users)
// follows from the whole state of the fold, and neither a unique index nor a query
// can tell. The fold that serves tells its judgement of each message as it goes; a
// Spool keeps judgements in files until they are archived, for as long as Postgres
// may be away: some bytes for each message. So the archive needs no second state
// beside that. What the spool does not hold (an archive that is added to a log, a backup
// of the database that was restored) is judged by a fold of its own from the log's
// beginning, in memory or on disk, once.
//
// Each judgement names its fold. Where another one judges than before, what is
// archived is judged anew beside the archiving, effects some messages at a time and
// the history all at once: see rejudge.go.
//
// # When Postgres is away
//
// Then the archive lags, and nothing else: it has its own connections and
// goroutines, two chunks of memory, and retries for ever. Its position may go back,
// where an older backup was restored: it goes on from there. A schema that is not
// this log's archive is refused.
package archive
