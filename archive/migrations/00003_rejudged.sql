-- +goose Up
-- Which fold has judged: where another one takes its place, what is archived is judged
-- anew. Nothing is known of what was archived before: so that is, too.
ALTER TABLE position
    ADD COLUMN fold_version integer NOT NULL DEFAULT 0,
    ADD COLUMN fold_epoch bigint NOT NULL DEFAULT 0,
    ADD COLUMN rejudge_to bigint,
    ADD COLUMN rejudged bigint NOT NULL DEFAULT 0,
    ADD COLUMN rejudged_by integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN position.fold_version IS 'Version of the fold that judged the last message archived; 0 where it is not known.';
COMMENT ON COLUMN position.fold_epoch IS 'With fold_version: changes when a read model took the place of one that it differed from, or was repaired.';
COMMENT ON COLUMN position.rejudge_to IS 'Messages up to here are being judged anew; null where none are.';
COMMENT ON COLUMN position.rejudged IS 'The last of them that is done: effects are rewritten up to here, and the history when all are.';
COMMENT ON COLUMN position.rejudged_by IS 'Version of the fold that judges them anew.';

CREATE TABLE rejudged_history (LIKE history_hourly INCLUDING ALL);
COMMENT ON TABLE rejudged_history IS 'By how much the history will change when all messages are judged anew: what the events say, less what the history says.';

-- +goose Down
DROP TABLE rejudged_history;
ALTER TABLE position DROP COLUMN fold_version, DROP COLUMN fold_epoch, DROP COLUMN rejudge_to, DROP COLUMN rejudged, DROP COLUMN rejudged_by;
