-- +goose Up
-- One index of filters in the place of five, and of one for accounts: what it costs
-- to write a row is looking for the filters of its pages, once for each index.
DROP INDEX events_video, events_user, events_other_user, events_job, events_id, events_account;
-- From what an event names to where it lies. B-trees on random IDs take much room,
-- and most of the time to write; filters for each 32 pages, which hold some 1,800
-- events, take a thirtieth of the room, and let a search skip what certainly does not
-- name it. All of one range have to fit on a page.
CREATE INDEX events_names ON events USING brin (
    video_id uuid_bloom_ops (n_distinct_per_range = 1800),
    user_id uuid_bloom_ops (n_distinct_per_range = 1800),
    id text_bloom_ops (n_distinct_per_range = 1800),
    other_user_id uuid_bloom_ops (n_distinct_per_range = 300),
    job_id uuid_bloom_ops (n_distinct_per_range = 300),
    type text_bloom_ops (n_distinct_per_range = 16)
) WITH (pages_per_range = 32, autosummarize = on);

-- +goose Down
DROP INDEX events_names;
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
