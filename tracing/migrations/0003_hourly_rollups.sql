-- Calls by hour and every dimension that a change can be traced to. Read sums with sum(), the rest with its -Merge.
CREATE TABLE IF NOT EXISTS calls_hourly
(
    prompt             LowCardinality(String),
    hour               DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    version            UInt32,
    channel            LowCardinality(String),
    variant            LowCardinality(String),
    model_served       LowCardinality(String),
    system_fingerprint LowCardinality(String),
    params_hash        LowCardinality(String),
    stratum            LowCardinality(String),
    purpose            LowCardinality(String),
    calls              SimpleAggregateFunction(sum, UInt64),
    succeeded          SimpleAggregateFunction(sum, UInt64),
    client_left        SimpleAggregateFunction(sum, UInt64),
    refused            SimpleAggregateFunction(sum, UInt64),
    timeouts           SimpleAggregateFunction(sum, UInt64),
    input_tokens       SimpleAggregateFunction(sum, UInt64),
    input_known        SimpleAggregateFunction(sum, UInt64),
    output_tokens      SimpleAggregateFunction(sum, UInt64),
    output_squares     SimpleAggregateFunction(sum, Float64),
    output_known       SimpleAggregateFunction(sum, UInt64),
    cost               SimpleAggregateFunction(sum, Decimal(38, 9)),
    cost_known         SimpleAggregateFunction(sum, UInt64),
    log_ms             SimpleAggregateFunction(sum, Float64),
    log_ms_squares     SimpleAggregateFunction(sum, Float64),
    finish_reasons     SimpleAggregateFunction(sumMap, Map(String, UInt64)),
    users              AggregateFunction(uniqCombined(12), String),
    first_ts           SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_ts            SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (prompt, hour, version, channel, variant, model_served, system_fingerprint, params_hash, stratum, purpose)
SETTINGS non_replicated_deduplication_window = 10000;

-- log_ms: natural logarithms of duration_ms of calls that succeeded, so that means and variances can be made of sums.
-- An output column must not have the name of a column that another one reads: hence the inner names.
CREATE MATERIALIZED VIEW IF NOT EXISTS calls_hourly_feed TO calls_hourly AS
SELECT
    c_prompt AS prompt, c_hour AS hour, c_version AS version, c_channel AS channel, c_variant AS variant, c_model AS model_served,
    c_fingerprint AS system_fingerprint, c_params AS params_hash, c_stratum AS stratum, c_purpose AS purpose,
    count() AS calls,
    countIf(c_outcome = 'ok') AS succeeded,
    countIf(c_outcome = 'client_left') AS client_left,
    countIf(c_outcome = 'refused') AS refused,
    countIf(c_outcome = 'timeout') AS timeouts,
    sum(toUInt64(ifNull(c_input, 0))) AS input_tokens,
    count(c_input) AS input_known,
    sum(toUInt64(ifNull(c_output, 0))) AS output_tokens,
    sum(toFloat64(ifNull(c_output, 0)) * ifNull(c_output, 0)) AS output_squares,
    count(c_output) AS output_known,
    sum(ifNull(c_cost, 0)) AS cost,
    count(c_cost) AS cost_known,
    sumIf(log(greatest(c_ms, 0.001)), c_outcome = 'ok') AS log_ms,
    sumIf(pow(log(greatest(c_ms, 0.001)), 2), c_outcome = 'ok') AS log_ms_squares,
    sumMap(map(toString(c_finish), toUInt64(1))) AS finish_reasons,
    uniqCombinedState(12)(c_user) AS users,
    min(c_ts) AS first_ts,
    max(c_ts) AS last_ts
FROM
(
    SELECT
        prompt AS c_prompt, toStartOfHour(ts, 'UTC') AS c_hour, version AS c_version, channel AS c_channel, variant AS c_variant,
        model_served AS c_model, system_fingerprint AS c_fingerprint, params_hash AS c_params, stratum AS c_stratum,
        purpose AS c_purpose, outcome AS c_outcome, input_tokens AS c_input, output_tokens AS c_output, cost AS c_cost,
        duration_ms AS c_ms, finish_reason AS c_finish, user AS c_user, ts AS c_ts
    FROM calls
)
GROUP BY prompt, hour, version, channel, variant, model_served, system_fingerprint, params_hash, stratum, purpose;

-- Latency by hour, of calls that succeeded: digests cost too much to be kept by every dimension.
CREATE TABLE IF NOT EXISTS latency_hourly
(
    prompt       LowCardinality(String),
    hour         DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    version      UInt32,
    model_served LowCardinality(String),
    purpose      LowCardinality(String),
    calls        SimpleAggregateFunction(sum, UInt64),
    duration     AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32) CODEC(ZSTD(1)),
    first_chunk  AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (prompt, hour, version, model_served, purpose)
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS latency_hourly_feed TO latency_hourly AS
SELECT
    prompt, toStartOfHour(ts, 'UTC') AS hour, version, model_served, purpose, count() AS calls,
    quantilesTDigestState(0.5, 0.95, 0.99)(toFloat32(duration_ms)) AS duration,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(toFloat32(ifNull(first_chunk_ms, 0)), isNotNull(first_chunk_ms)) AS first_chunk
FROM calls
WHERE outcome = 'ok'
GROUP BY prompt, hour, version, model_served, purpose;

-- The same by day, for long windows: merging digests is what costs.
CREATE TABLE IF NOT EXISTS latency_daily
(
    prompt       LowCardinality(String),
    day          Date,
    version      UInt32,
    model_served LowCardinality(String),
    purpose      LowCardinality(String),
    calls        SimpleAggregateFunction(sum, UInt64),
    duration     AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32) CODEC(ZSTD(1)),
    first_chunk  AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (prompt, day, version, model_served, purpose)
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS latency_daily_feed TO latency_daily AS
SELECT
    prompt, toDate(ts, 'UTC') AS day, version, model_served, purpose, count() AS calls,
    quantilesTDigestState(0.5, 0.95, 0.99)(toFloat32(duration_ms)) AS duration,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(toFloat32(ifNull(first_chunk_ms, 0)), isNotNull(first_chunk_ms)) AS first_chunk
FROM calls
WHERE outcome = 'ok'
GROUP BY prompt, day, version, model_served, purpose;

-- What was loaded lately, so that the hours whose scores must be counted anew are found without a scan.
-- shard by: key
CREATE TABLE IF NOT EXISTS fresh_keys
(
    loaded_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    key       UUID,
    score_id  String
)
ENGINE = MergeTree
ORDER BY loaded_at
TTL toDateTime(loaded_at) + INTERVAL 2 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS fresh_calls_feed TO fresh_keys AS
SELECT now64(3) AS loaded_at, arrayJoin(
    arrayConcat(
        [call_id],
        if(trace_id = '', [], [reinterpretAsUUID(sipHash128('trace', trace_id))]),
        if(external_id = '', [], [reinterpretAsUUID(sipHash128('external', external_id))])
    )
) AS key
FROM calls;

CREATE MATERIALIZED VIEW IF NOT EXISTS fresh_scores_feed TO fresh_keys AS
SELECT now64(3) AS loaded_at, key, score_id FROM score_events;

-- Scores by the hour of their call. Written by rollups.py, which counts the cells of touched hours anew as a whole: scores come
-- late, are replaced and deleted. Read it with FINAL. A call's values of one name are one observation, their mean.
-- scorer: the one, or the several, that gave the values. name_calls and any_calls count a call once for the name, and once for all
-- names, wherever it stands, so that they can be added up. A cell that has no posts any more says 0 in everything.
-- shard by: (prompt, hour)
CREATE TABLE IF NOT EXISTS scores_hourly
(
    prompt             LowCardinality(String),
    hour               DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    version            UInt32,
    channel            LowCardinality(String),
    variant            LowCardinality(String),
    model_served       LowCardinality(String),
    system_fingerprint LowCardinality(String),
    params_hash        LowCardinality(String),
    stratum            LowCardinality(String),
    purpose            LowCardinality(String),
    name               LowCardinality(String),
    kind               LowCardinality(String),
    scorer             LowCardinality(String),
    posts              UInt64,
    scored_calls       UInt64,
    name_calls         UInt64,
    any_calls          UInt64,
    observations       UInt64,
    total              Float64,
    squares            Float64,
    unparsed           UInt64,
    labels             Map(String, UInt64),
    counted_at         DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(counted_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (prompt, hour, name, kind, scorer, version, channel, variant, model_served, system_fingerprint, params_hash, stratum, purpose)
SETTINGS non_replicated_deduplication_window = 10000;

-- How far the keeper has counted scores: what was loaded before is in scores_hourly.
CREATE TABLE IF NOT EXISTS rollup_marks
(
    name    LowCardinality(String),
    through DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(through)
ORDER BY name;
