-- One row a call (wire.md's wide event). Bodies are JSON text; the ordering key serves quality by version.
-- shard by: call_id
CREATE TABLE IF NOT EXISTS calls
(
    call_id             UUID,
    ts                  DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    trace_id            String,
    span_id             String,
    parent_span_id      String,
    endpoint            LowCardinality(String),
    purpose             LowCardinality(String),
    outcome             LowCardinality(String),
    status              UInt16,
    error_code          LowCardinality(String),
    error_message       String,
    prompt              LowCardinality(String),
    version             UInt32,
    version_id          String,
    channel             LowCardinality(String),
    revision            UInt64,
    variant             LowCardinality(String),
    caller              LowCardinality(String),
    user                String,
    session             String,
    tags                Map(LowCardinality(String), String),
    external_id         String,
    stratum             LowCardinality(String),
    provider            LowCardinality(String),
    model_requested     LowCardinality(String),
    model_served        LowCardinality(String),
    system_fingerprint  LowCardinality(String),
    params              String CODEC(ZSTD(3)),
    params_hash         String,
    overrides           Array(LowCardinality(String)),
    stream              Bool,
    attempts            String CODEC(ZSTD(3)),
    input_tokens        Nullable(UInt32),
    cached_input_tokens Nullable(UInt32),
    output_tokens       Nullable(UInt32),
    reasoning_tokens    Nullable(UInt32),
    usage_source        LowCardinality(String),
    cost                Nullable(Decimal(18, 9)),
    duration_ms         Float64,
    first_chunk_ms      Nullable(Float64),
    overhead_ms         Float64,
    finish_reason       LowCardinality(String),
    response_id         String,
    variables           String CODEC(ZSTD(3)),
    request             String CODEC(ZSTD(3)),
    response            String CODEC(ZSTD(3)),
    system_prompt_hash  String,
    record_mode         LowCardinality(String),
    INDEX by_call_id call_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (prompt, version, ts, call_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Scores as they were posted. The same score_id posted again replaces the first; target_kind says what target names.
CREATE TABLE IF NOT EXISTS score_events
(
    score_id       String,
    target_kind    LowCardinality(String),
    target         String,
    ts             DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    received_at    DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    name           LowCardinality(String),
    value          Nullable(Float64),
    label          String,
    kind           LowCardinality(String),
    source         LowCardinality(String),
    scorer         LowCardinality(String),
    scorer_version LowCardinality(String),
    parsed         Bool,
    comment        String
)
ENGINE = ReplacingMergeTree(received_at)
ORDER BY score_id
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Each score with the call it belongs to. A score may come before its call is loaded: it joins as soon as the call is there.
-- Each branch reads only the calls that a score names, by their own column: half the time of one filter over all three.
-- A trace's score belongs to the trace's last call, as an app that scores a trace means its final answer.
CREATE OR REPLACE VIEW scores AS
WITH keyed AS
(
    SELECT 'call' AS key_kind, toString(call_id) AS key, ts AS call_ts, call_id, trace_id, external_id, prompt, version, channel, model_served, purpose FROM calls
    WHERE call_id IN (SELECT toUUIDOrZero(target) FROM score_events WHERE target_kind = 'call')
    UNION ALL
    SELECT 'external', external_id, ts, call_id, trace_id, external_id, prompt, version, channel, model_served, purpose FROM calls WHERE external_id != '' AND external_id IN (SELECT target FROM score_events WHERE target_kind = 'external')
    UNION ALL
    SELECT 'trace', trace_id, ts, call_id, trace_id, external_id, prompt, version, channel, model_served, purpose FROM calls WHERE trace_id != '' AND trace_id IN (SELECT target FROM score_events WHERE target_kind = 'trace')
),
owner AS
(
    SELECT key_kind, key,
           argMax((call_id, trace_id, external_id, toString(prompt), version, toString(channel), toString(model_served), toString(purpose), call_ts), call_ts) AS c
    FROM keyed
    GROUP BY key_kind, key
)
SELECT
    e.score_id AS score_id,
    o.c.1 AS call_id,
    o.c.2 AS trace_id,
    o.c.3 AS external_id,
    e.ts AS ts,
    e.name AS name,
    e.value AS value,
    e.label AS label,
    e.kind AS kind,
    e.source AS source,
    e.scorer AS scorer,
    e.scorer_version AS scorer_version,
    e.parsed AS parsed,
    e.comment AS comment,
    o.c.4 AS prompt,
    o.c.5 AS version,
    o.c.6 AS channel,
    o.c.7 AS model_served,
    o.c.8 AS purpose,
    o.c.9 AS call_ts,
    e.target_kind AS target_kind,
    e.target AS target
FROM (SELECT * FROM score_events FINAL) AS e
LEFT JOIN owner AS o ON o.key_kind = e.target_kind AND o.key = e.target;
