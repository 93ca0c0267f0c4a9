-- The tables of a plausible short-video application, which knows nothing of
-- tidemark. shortvideo.yaml maps them.
CREATE SCHEMA app;

CREATE TABLE app.videos (
    id         bigint PRIMARY KEY,
    author_id  bigint NOT NULL,
    title      text   NOT NULL DEFAULT '',
    state      text   NOT NULL DEFAULT 'published',
    created_at timestamptz NOT NULL DEFAULT now()
);
-- Whether a video was published before is told by its old row only.
ALTER TABLE app.videos REPLICA IDENTITY FULL;

CREATE TABLE app.video_stats (
    video_id bigint PRIMARY KEY,
    views    bigint NOT NULL DEFAULT 0
);

CREATE TABLE app.likes (
    video_id   bigint NOT NULL,
    user_id    bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (video_id, user_id)
);

CREATE TABLE app.comments (
    id         bigint PRIMARY KEY,
    video_id   bigint NOT NULL,
    author_id  bigint NOT NULL,
    body       text   NOT NULL DEFAULT '',
    spam       boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
-- A comment counts for its video, which its key does not name.
ALTER TABLE app.comments REPLICA IDENTITY FULL;

CREATE TABLE app.remixes (
    id          bigint NOT NULL,
    original_id bigint NOT NULL,
    author_id   bigint NOT NULL,
    created_at  timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    PRIMARY KEY (original_id, id)
);

CREATE TABLE app.glitches (
    id          bigint NOT NULL,
    video_id    bigint NOT NULL,
    reporter_id bigint NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (video_id, id)
);

CREATE TABLE app.ai_jobs (
    id         uuid PRIMARY KEY,
    user_id    bigint NOT NULL,
    state      text   NOT NULL DEFAULT 'waiting',
    percent    int    NOT NULL DEFAULT 0,
    result     text,
    failure    text,
    tries      int    NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE app.notifications (
    id         bigint PRIMARY KEY,
    user_id    bigint NOT NULL,
    actor_id   bigint,
    kind       text NOT NULL,
    body       jsonb,
    read_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE app.blocks (
    user_id    bigint NOT NULL,
    blocked_id bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, blocked_id)
);
