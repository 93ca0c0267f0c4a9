-- +goose Up
CREATE TABLE logs (
    log smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incarnation uuid NOT NULL UNIQUE,
    first_seq bigint NOT NULL DEFAULT 1,
    last_seq bigint
);
COMMENT ON TABLE logs IS 'The lives of the event log, oldest first. A log that was restored or moved and then adopted is a new one.';
COMMENT ON COLUMN logs.log IS 'Short name of this life in the other tables.';
COMMENT ON COLUMN logs.incarnation IS 'Its name in the stream''s metadata and in every record batch.';
COMMENT ON COLUMN logs.first_seq IS 'The first sequence that belongs to it.';
COMMENT ON COLUMN logs.last_seq IS 'The last sequence that counts, once another life has followed. Rows of it behind that were lost from the log.';

CREATE TABLE position (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    log smallint NOT NULL REFERENCES logs,
    seq bigint NOT NULL,
    events bigint NOT NULL,
    stored_at timestamptz,
    batch_id bytea,
    fingerprint bytea,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE position IS 'How far the archive has come: one row, changed in the same transaction as the rows it speaks of.';
COMMENT ON COLUMN position.seq IS 'The last message archived; 0 before the first.';
COMMENT ON COLUMN position.events IS 'Events archived in all.';
COMMENT ON COLUMN position.fingerprint IS 'SHA-256 of that message''s data: tells a log that is not the archived one.';

CREATE TABLE messages (
    seq bigint NOT NULL,
    stored_at timestamptz NOT NULL,
    log smallint NOT NULL,
    stored_nanos smallint NOT NULL,
    batch_id bytea,
    subject bytea,
    data bytea NOT NULL,
    PRIMARY KEY (log, seq, stored_at)
) PARTITION BY RANGE (stored_at);
-- Record batches are full of random IDs: compression takes longer than writing.
ALTER TABLE messages ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE messages IS 'The messages of the event log, each as it was: folding them gives the read model.';
COMMENT ON COLUMN messages.seq IS 'Stream sequence.';
COMMENT ON COLUMN messages.stored_at IS 'When the log appended it, by the log''s clock.';
COMMENT ON COLUMN messages.stored_nanos IS 'What stored_at leaves out: nanoseconds, 0 to 999.';
COMMENT ON COLUMN messages.batch_id IS 'Nats-Msg-Id as it was sent; null if none.';
COMMENT ON COLUMN messages.subject IS 'Where it was published; null for tidemark.events.0.batch.';
COMMENT ON COLUMN messages.data IS 'The record batch.';

CREATE TABLE events (
    seq bigint NOT NULL,
    stored_at timestamptz NOT NULL,
    time timestamptz,
    log smallint NOT NULL,
    idx smallint NOT NULL,
    delta smallint NOT NULL,
    effect text NOT NULL,
    type text,
    video_id uuid,
    user_id uuid,
    other_user_id uuid,
    item_id uuid,
    job_id uuid,
    source text,
    id text,
    data json,
    PRIMARY KEY (log, seq, idx, stored_at)
) PARTITION BY RANGE (stored_at);
-- From what an event names to where it lies. B-trees on random IDs take much room,
-- and most of the time to write; a filter for each 64 pages takes a hundredth of
-- theirs, and lets a search skip what certainly does not name it.
CREATE INDEX events_video ON events USING brin (video_id uuid_bloom_ops (n_distinct_per_range = 4000))
    WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX events_user ON events USING brin (user_id uuid_bloom_ops (n_distinct_per_range = 4000))
    WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX events_other_user ON events USING brin (other_user_id uuid_bloom_ops (n_distinct_per_range = 1000))
    WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX events_job ON events USING brin (job_id uuid_bloom_ops (n_distinct_per_range = 1000))
    WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX events_id ON events USING brin (id text_bloom_ops (n_distinct_per_range = 4000))
    WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX events_account ON events (seq) WHERE type IN ('account.blocked', 'account.unblocked');
COMMENT ON TABLE events IS 'Every event of the log by its position, repeats included, with what the fold made of it.';
COMMENT ON COLUMN events.seq IS 'Sequence of the message that holds it.';
COMMENT ON COLUMN events.idx IS 'Its index in that record batch.';
COMMENT ON COLUMN events.stored_at IS 'When the log appended it.';
COMMENT ON COLUMN events.time IS 'When it happened, by whoever says it.';
COMMENT ON COLUMN events.delta IS 'By how much it moved the counter that it is about: views for video.viewed, likes for video.liked and video.unliked, and so on. What moves others (a retraction, a baseline) has 0 here and its changes in history_hourly.';
COMMENT ON COLUMN events.effect IS 'applied, updated, none, duplicate (said before), superseded (a later fact stood), conflict, not found, forbidden, suppressed, or poisoned (a dead letter).';
COMMENT ON COLUMN events.type IS 'Type of the event; null for what could not be read.';
COMMENT ON COLUMN events.user_id IS 'Whose fact it is: the viewer, liker, author, owner, recipient, blocker, or the account concerned.';
COMMENT ON COLUMN events.other_user_id IS 'The second user: who was blocked, who caused a notification, which administrator acted.';
COMMENT ON COLUMN events.item_id IS 'The comment, remix, glitch or notification.';
COMMENT ON COLUMN events.source IS 'With id: the identity that an outside producer gave; null for the service''s own.';
COMMENT ON COLUMN events.data IS 'All members of the event''s data where the columns do not hold them all.';

CREATE TABLE dead_letters (
    log smallint NOT NULL,
    seq bigint NOT NULL,
    idx smallint NOT NULL,
    stored_at timestamptz NOT NULL,
    reason text NOT NULL,
    raw bytea NOT NULL,
    PRIMARY KEY (log, seq, idx)
);
COMMENT ON TABLE dead_letters IS 'Events and messages that could not be folded, as they were, with the reason.';

CREATE TABLE counter_changes (
    log smallint NOT NULL,
    seq bigint NOT NULL,
    idx smallint NOT NULL,
    hour timestamptz NOT NULL,
    video_id uuid NOT NULL,
    views bigint NOT NULL,
    likes bigint NOT NULL,
    comments bigint NOT NULL,
    remixes bigint NOT NULL,
    glitches bigint NOT NULL,
    PRIMARY KEY (log, seq, idx, video_id)
);
COMMENT ON TABLE counter_changes IS 'Changes of counters that events.delta does not tell: of retractions, of their end, and of baselines.';
COMMENT ON COLUMN counter_changes.hour IS 'The hour (UTC) of the event''s time.';

CREATE TABLE audit (
    log smallint NOT NULL,
    number bigint NOT NULL,
    seq bigint NOT NULL,
    idx smallint NOT NULL,
    at timestamptz NOT NULL,
    actor uuid NOT NULL,
    action text NOT NULL,
    targets uuid[] NOT NULL,
    effects text[] NOT NULL,
    retract boolean NOT NULL,
    reason text NOT NULL,
    reason_bytes bytea,
    outcome json,
    hash bytea NOT NULL,
    PRIMARY KEY (log, number)
);
CREATE INDEX audit_actor ON audit (actor, at);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_targets ON audit USING gin (targets);
COMMENT ON TABLE audit IS 'What administrators did, when and why. GET /v1/admin/audit/verify compares it with the read model and checks its hashes.';
COMMENT ON COLUMN audit.number IS 'Counts the entries from 1, without a gap.';
COMMENT ON COLUMN audit.at IS 'When the command was given; with seq and idx, its position in the log.';
COMMENT ON COLUMN audit.targets IS 'The videos, users or jobs; of dead letters the position in the lower half.';
COMMENT ON COLUMN audit.effects IS 'What became of each target.';
COMMENT ON COLUMN audit.retract IS 'A block that took the accounts'' contributions out of the counters.';
COMMENT ON COLUMN audit.reason_bytes IS 'The reason as it was given, where it holds a NUL, which text cannot.';
COMMENT ON COLUMN audit.hash IS 'SHA-256 over the entry before, the number and all of this entry.';

CREATE TABLE history_hourly (
    video_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    views bigint NOT NULL,
    likes bigint NOT NULL,
    comments bigint NOT NULL,
    remixes bigint NOT NULL,
    glitches bigint NOT NULL,
    PRIMARY KEY (video_id, hour)
) WITH (fillfactor = 80);
CREATE TABLE history_daily (LIKE history_hourly INCLUDING ALL);
ALTER TABLE history_daily RENAME COLUMN hour TO day;
CREATE TABLE total_hourly (
    hour timestamptz PRIMARY KEY,
    views bigint NOT NULL,
    likes bigint NOT NULL,
    comments bigint NOT NULL,
    remixes bigint NOT NULL,
    glitches bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE total_daily (LIKE total_hourly INCLUDING ALL);
ALTER TABLE total_daily RENAME COLUMN hour TO day;
COMMENT ON TABLE history_hourly IS 'By how much the counters of a video changed in an hour (UTC) of event time. The sum of all its hours is the video''s counters as of the archive''s position.';
COMMENT ON TABLE history_daily IS 'The same by days (UTC).';
COMMENT ON TABLE total_hourly IS 'The same of all videos together.';
COMMENT ON TABLE total_daily IS 'The same of all videos together, by days.';
COMMENT ON COLUMN history_hourly.likes IS 'Likes given less likes taken back; below zero where more went than came. Likewise the others but views.';

CREATE VIEW counted_events AS
SELECT seq, idx, stored_at, time, type, delta, effect, video_id, user_id, other_user_id, item_id, job_id, source, id, data
FROM events JOIN logs USING (log)
WHERE effect IN ('applied', 'updated') AND seq >= first_seq AND (last_seq IS NULL OR seq <= last_seq);
COMMENT ON VIEW counted_events IS 'The events that changed something: without repeats, what came too late, dead letters, and what a log has lost since.';

CREATE VIEW video_counters AS
SELECT video_id, sum(views)::bigint AS views, sum(likes)::bigint AS likes, sum(comments)::bigint AS comments,
    sum(remixes)::bigint AS remixes, sum(glitches)::bigint AS glitches
FROM history_daily GROUP BY video_id;
COMMENT ON VIEW video_counters IS 'The counters of each video as of the archive''s position, those of deleted videos too.';

CREATE VIEW user_days AS
SELECT user_id, date_trunc('day', time, 'UTC') AS day, type, count(*) AS events
FROM counted_events WHERE user_id IS NOT NULL GROUP BY 1, 2, 3;
COMMENT ON VIEW user_days IS 'What each user did on each day (UTC), by type of event. Give bounds of stored_at where counted_events is asked itself: this reads them all.';

CREATE VIEW audit_log AS
SELECT number, at, actor, action, targets, effects, reason, outcome, seq || '.' || idx AS position
FROM audit JOIN logs USING (log) WHERE last_seq IS NULL OR seq <= last_seq;
COMMENT ON VIEW audit_log IS 'The audit as GET /v1/admin/audit tells it.';

-- +goose Down
DROP VIEW audit_log, user_days, video_counters, counted_events;
DROP TABLE total_daily, total_hourly, history_daily, history_hourly, audit, counter_changes, dead_letters, events, messages, position, logs;
