-- What was left out of a row on purpose: how many values were redacted, and how many calls the row stands for (1 / sample_rate).
ALTER TABLE calls ADD COLUMN IF NOT EXISTS redactions UInt32 DEFAULT 0;
ALTER TABLE calls ADD COLUMN IF NOT EXISTS sample_rate Float64 DEFAULT 1;

-- What a call's cost was made of: tokens of every kind that has a price of its own, and the prices in force at its time.
ALTER TABLE calls ADD COLUMN IF NOT EXISTS cache_write_tokens Nullable(UInt32);
ALTER TABLE calls ADD COLUMN IF NOT EXISTS audio_input_tokens Nullable(UInt32);
ALTER TABLE calls ADD COLUMN IF NOT EXISTS audio_output_tokens Nullable(UInt32);
ALTER TABLE calls ADD COLUMN IF NOT EXISTS price String DEFAULT '' CODEC(ZSTD(3));

-- Who had a person's records erased, when and why, and how many there were. Nothing here says whose they were.
CREATE TABLE IF NOT EXISTS erasures
(
    erasure_id UUID,
    ts         DateTime64(3, 'UTC'),
    actor      String,
    reason     String,
    selector   LowCardinality(String),
    calls      UInt64,
    scores     UInt64,
    spans      UInt64
)
ENGINE = MergeTree
ORDER BY ts;

-- The ids of what is being erased, while it is: statements that delete name this table, so that ClickHouse's own list of mutations, which
-- keeps their text, holds no person's name.
CREATE TABLE IF NOT EXISTS erasing
(
    erasure_id UUID,
    kind       LowCardinality(String),
    key        String,
    at         DateTime('UTC') DEFAULT now()
)
ENGINE = MergeTree
ORDER BY (erasure_id, kind, key)
TTL at + INTERVAL 1 DAY;
