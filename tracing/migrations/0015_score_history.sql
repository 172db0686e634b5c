-- A score that is deleted stays as an event that says so, and every event says who posted it.
ALTER TABLE score_events ADD COLUMN IF NOT EXISTS deleted Bool DEFAULT false;
ALTER TABLE score_events ADD COLUMN IF NOT EXISTS posted_by LowCardinality(String) DEFAULT '';

-- Every event of every score: score_events keeps the newest one of a score only. The same event twice is one row.
CREATE TABLE IF NOT EXISTS score_history
(
    score_id       String,
    received_at    DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    target_kind    LowCardinality(String),
    target         String,
    ts             DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    name           LowCardinality(String),
    value          Nullable(Float64),
    label          String,
    kind           LowCardinality(String),
    source         LowCardinality(String),
    scorer         LowCardinality(String),
    scorer_version LowCardinality(String),
    parsed         Bool,
    comment        String,
    deleted        Bool,
    posted_by      LowCardinality(String)
)
ENGINE = ReplacingMergeTree
ORDER BY (score_id, received_at)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS score_history_fill TO score_history AS
SELECT score_id, received_at, target_kind, target, ts, name, value, label, kind, source, scorer, scorer_version, parsed, comment, deleted, posted_by
FROM score_events;

-- What was posted before there was a history.
INSERT INTO score_history
SELECT score_id, received_at, target_kind, target, ts, name, value, label, kind, source, scorer, scorer_version, parsed, comment, deleted, posted_by
FROM score_events;
