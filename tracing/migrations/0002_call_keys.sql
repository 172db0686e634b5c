-- Newest first over all prompts: each granule of calls holds a short time of one version, so that a range a granule finds the newest.
ALTER TABLE calls ADD INDEX IF NOT EXISTS by_ts ts TYPE minmax GRANULARITY 1;

ALTER TABLE calls MATERIALIZE INDEX by_ts;

-- What finds a score's call without scanning calls. A key is a UUID: the call's own id, or a hash of the trace's or the app's id.
ALTER TABLE score_events ADD COLUMN IF NOT EXISTS deleted Bool DEFAULT false;

ALTER TABLE score_events ADD COLUMN IF NOT EXISTS key UUID
DEFAULT if(target_kind = 'call', toUUIDOrZero(target), reinterpretAsUUID(sipHash128(toString(target_kind), target)));

-- Up to three rows a call: by call_id, trace_id, external_id; what the key was made of is not stored a second time.
-- A row that comes twice does no harm: readers take one call for a key.
-- No fsync here and in the other derived tables: what a power cut takes from them is derived anew from calls (rollups.py).
CREATE TABLE IF NOT EXISTS call_keys
(
    key                UUID,
    kind               LowCardinality(String),
    call_id            UUID,
    call_ts            DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    trace_id           String CODEC(ZSTD(1)),
    external_id        String CODEC(ZSTD(1)),
    prompt             LowCardinality(String),
    version            UInt32,
    channel            LowCardinality(String),
    model_served       LowCardinality(String),
    purpose            LowCardinality(String),
    stratum            LowCardinality(String),
    variant            LowCardinality(String),
    system_fingerprint LowCardinality(String),
    params_hash        LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(call_ts)
ORDER BY key
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS call_keys_feed TO call_keys AS
SELECT
    names.2 AS key, names.1 AS kind, call_id, call_ts, if(names.1 = 'trace', '', its_trace) AS trace_id,
    if(names.1 = 'external', '', its_external) AS external_id, prompt, version, channel, model_served, purpose, stratum, variant,
    system_fingerprint, params_hash
FROM
(
    SELECT
        call_id, ts AS call_ts, trace_id AS its_trace, external_id AS its_external, prompt, version, channel, model_served, purpose,
        stratum, variant, system_fingerprint, params_hash
    FROM calls
)
ARRAY JOIN arrayFilter(
    name -> name.3 != '',
    [
        ('call', call_id, 'always'),
        ('trace', reinterpretAsUUID(sipHash128('trace', its_trace)), its_trace),
        ('external', reinterpretAsUUID(sipHash128('external', its_external)), its_external)
    ]
) AS names;

-- Every target that a score was ever posted for: score_events keeps the last post of an id only, and a correction may name another call.
CREATE TABLE IF NOT EXISTS score_targets
(
    score_id    String,
    key         UUID,
    received_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (score_id, received_at)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS score_targets_feed TO score_targets AS
SELECT score_id, key, received_at FROM score_events;

-- Each score with the call it belongs to. A score may come before its call is loaded: it joins as soon as the call is there; until then its
-- prompt is ''. A trace's score belongs to the trace's last call, as an app that scores a trace means its final answer.
-- A call has one row for its own key, so any will do; for the other keys the last call is taken, without holding states in memory.
CREATE OR REPLACE VIEW scores AS
SELECT
    e.score_id AS score_id, e.key AS call_id, o.trace_id AS trace_id, o.external_id AS external_id,
    e.ts AS ts, e.name AS name, e.value AS value, e.label AS label, e.kind AS kind, e.source AS source, e.scorer AS scorer,
    e.scorer_version AS scorer_version, e.parsed AS parsed, e.comment AS comment,
    o.prompt AS prompt, o.version AS version, o.channel AS channel, o.model_served AS model_served, o.purpose AS purpose,
    o.call_ts AS call_ts, e.target_kind AS target_kind, e.target AS target
FROM
(
    SELECT score_id, ts, name, value, label, kind, source, scorer, scorer_version, parsed, comment, target_kind, target, key
    FROM score_events FINAL
    WHERE NOT deleted AND target_kind = 'call'
) AS e
LEFT ANY JOIN
(
    SELECT key, trace_id, external_id, prompt, version, channel, model_served, purpose, call_ts
    FROM call_keys
    WHERE key GLOBAL IN (SELECT key FROM score_events WHERE target_kind = 'call')
) AS o ON o.key = e.key
UNION ALL
SELECT
    e.score_id, o.call_id, if(e.target_kind = 'trace' AND o.key = e.key, e.target, o.trace_id),
    if(e.target_kind = 'external' AND o.key = e.key, e.target, o.external_id),
    e.ts, e.name, e.value, e.label, e.kind, e.source, e.scorer, e.scorer_version, e.parsed, e.comment,
    o.prompt, o.version, o.channel, o.model_served, o.purpose, o.call_ts, e.target_kind, e.target
FROM
(
    SELECT score_id, ts, name, value, label, kind, source, scorer, scorer_version, parsed, comment, target_kind, target, key
    FROM score_events FINAL
    WHERE NOT deleted AND target_kind != 'call'
) AS e
LEFT ANY JOIN
(
    SELECT key, call_id, trace_id, external_id, prompt, version, channel, model_served, purpose, call_ts
    FROM call_keys
    WHERE key GLOBAL IN (SELECT key FROM score_events WHERE target_kind != 'call')
    ORDER BY key, call_ts DESC, call_id DESC
    LIMIT 1 BY key
) AS o ON o.key = e.key;
