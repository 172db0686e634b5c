-- left_out: how many calls a sample left out for each one here, 1 / sample_rate - 1. A call stands for 1 + left_out calls. It is a key and no
-- sum, so that readers can weigh everything in a cell; 0, which is what old rows have, is a call that stands for itself.
ALTER TABLE call_keys ADD COLUMN IF NOT EXISTS left_out Float64;

ALTER TABLE call_keys_feed MODIFY QUERY
SELECT
    names.2 AS key, names.1 AS kind, call_id, call_ts, if(names.1 = 'trace', '', its_trace) AS trace_id,
    if(names.1 = 'external', '', its_external) AS external_id, prompt, version, channel, model_served, purpose, stratum, variant,
    system_fingerprint, params_hash, left_out
FROM
(
    SELECT
        call_id, ts AS call_ts, trace_id AS its_trace, external_id AS its_external, prompt, version, channel, model_served, purpose,
        stratum, variant, system_fingerprint, params_hash, if(sample_rate > 0 AND sample_rate < 1, 1 / sample_rate - 1, 0) AS left_out
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

ALTER TABLE calls_hourly ADD COLUMN IF NOT EXISTS left_out Float64, MODIFY ORDER BY (prompt, hour, version, channel, variant, model_served, system_fingerprint, params_hash, stratum, purpose, left_out);

ALTER TABLE calls_hourly_feed MODIFY QUERY
SELECT
    c_prompt AS prompt, c_hour AS hour, c_version AS version, c_channel AS channel, c_variant AS variant, c_model AS model_served,
    c_fingerprint AS system_fingerprint, c_params AS params_hash, c_stratum AS stratum, c_purpose AS purpose, c_left_out AS left_out,
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
        purpose AS c_purpose, if(sample_rate > 0 AND sample_rate < 1, 1 / sample_rate - 1, 0) AS c_left_out, outcome AS c_outcome,
        input_tokens AS c_input, output_tokens AS c_output, cost AS c_cost, duration_ms AS c_ms, finish_reason AS c_finish, user AS c_user,
        ts AS c_ts
    FROM calls
)
GROUP BY prompt, hour, version, channel, variant, model_served, system_fingerprint, params_hash, stratum, purpose, left_out;

-- A digest can't be weighed once it is made: a call goes into it as often as it stands for calls, a thousand times at most. A hash of the
-- call's id decides where that is no whole number, so that it comes right on average and the same each time.
ALTER TABLE latency_hourly_feed MODIFY QUERY
SELECT
    prompt, hour, version, model_served, purpose, countIf(c_copy = 0) AS calls,
    quantilesTDigestState(0.5, 0.95, 0.99)(toFloat32(c_ms)) AS duration,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(toFloat32(ifNull(c_first_ms, 0)), isNotNull(c_first_ms)) AS first_chunk
FROM
(
    SELECT
        prompt, toStartOfHour(ts, 'UTC') AS hour, version, model_served, purpose, duration_ms AS c_ms, first_chunk_ms AS c_first_ms,
        arrayJoin(range(toUInt64(least(floor(if(sample_rate > 0 AND sample_rate < 1, 1 / sample_rate, 1) + cityHash64(call_id) % 1024 / 1024), 1000)))) AS c_copy
    FROM calls
    WHERE outcome = 'ok'
)
GROUP BY prompt, hour, version, model_served, purpose;

-- What a version's calls come to by day: all that quality by version needs, in a few thousand rows for millions of calls. It takes the place
-- of latency_daily. The digests are of calls that succeeded, weighed by what each stands for.
CREATE TABLE IF NOT EXISTS versions_daily
(
    prompt        LowCardinality(String),
    day           Date,
    version       UInt32,
    purpose       LowCardinality(String),
    model_served  LowCardinality(String),
    left_out      Float64,
    calls         SimpleAggregateFunction(sum, UInt64),
    succeeded     SimpleAggregateFunction(sum, UInt64),
    client_left   SimpleAggregateFunction(sum, UInt64),
    input_tokens  SimpleAggregateFunction(sum, UInt64),
    input_known   SimpleAggregateFunction(sum, UInt64),
    output_tokens SimpleAggregateFunction(sum, UInt64),
    output_known  SimpleAggregateFunction(sum, UInt64),
    cost          SimpleAggregateFunction(sum, Decimal(38, 9)),
    cost_known    SimpleAggregateFunction(sum, UInt64),
    channels      SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_ts      SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_ts       SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    duration      AggregateFunction(quantilesTDigestWeighted(0.5, 0.95, 0.99), Float32, UInt32) CODEC(ZSTD(1)),
    first_chunk   AggregateFunction(quantilesTDigestWeighted(0.5, 0.95, 0.99), Float32, UInt32) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (prompt, day, version, purpose, model_served, left_out)
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

-- What was there before, also of calls whose retention is over: sums from calls_hourly, and digests from latency_daily, whose bytes are those
-- of a digest with weights of one. Once: a second run finds rows.
INSERT INTO versions_daily
    (prompt, day, version, purpose, model_served, calls, succeeded, client_left, input_tokens, input_known, output_tokens, output_known,
     cost, cost_known, channels, first_ts, last_ts, duration, first_chunk)
SELECT
    c.prompt, c.day, c.version, c.purpose, c.model_served, n, n_ok, n_left, n_input, n_input_known, n_output, n_output_known, n_cost,
    n_cost_known, found_channels, since, until,
    CAST(unhex(hex(l.duration)), 'AggregateFunction(quantilesTDigestWeighted(0.5, 0.95, 0.99), Float32, UInt32)'),
    CAST(unhex(hex(l.first_chunk)), 'AggregateFunction(quantilesTDigestWeighted(0.5, 0.95, 0.99), Float32, UInt32)')
FROM
(
    SELECT
        prompt, toDate(hour, 'UTC') AS day, version, purpose, model_served, sum(calls) AS n, sum(succeeded) AS n_ok,
        sum(client_left) AS n_left, sum(input_tokens) AS n_input, sum(input_known) AS n_input_known, sum(output_tokens) AS n_output,
        sum(output_known) AS n_output_known, sum(cost) AS n_cost, sum(cost_known) AS n_cost_known,
        groupUniqArrayIf(toString(channel), channel != '') AS found_channels, min(first_ts) AS since, max(last_ts) AS until
    FROM calls_hourly
    GROUP BY prompt, day, version, purpose, model_served
) AS c
LEFT JOIN
(
    SELECT
        prompt, day, version, purpose, model_served, quantilesTDigestMergeState(0.5, 0.95, 0.99)(latency_daily.duration) AS duration,
        quantilesTDigestMergeState(0.5, 0.95, 0.99)(latency_daily.first_chunk) AS first_chunk
    FROM latency_daily
    GROUP BY prompt, day, version, purpose, model_served
) AS l ON l.prompt = c.prompt AND l.day = c.day AND l.version = c.version AND l.purpose = c.purpose AND l.model_served = c.model_served
WHERE (SELECT count() FROM versions_daily) = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS versions_daily_feed TO versions_daily AS
SELECT
    prompt, c_day AS day, version, purpose, model_served, c_left_out AS left_out,
    count() AS calls,
    countIf(outcome = 'ok') AS succeeded,
    countIf(outcome = 'client_left') AS client_left,
    sum(toUInt64(ifNull(c_input, 0))) AS input_tokens,
    count(c_input) AS input_known,
    sum(toUInt64(ifNull(c_output, 0))) AS output_tokens,
    count(c_output) AS output_known,
    sum(ifNull(c_cost, 0)) AS cost,
    count(c_cost) AS cost_known,
    groupUniqArrayIf(toString(channel), channel != '') AS channels,
    min(ts) AS first_ts,
    max(ts) AS last_ts,
    quantilesTDigestWeightedStateIf(0.5, 0.95, 0.99)(toFloat32(duration_ms), c_weight, outcome = 'ok') AS duration,
    quantilesTDigestWeightedStateIf(0.5, 0.95, 0.99)(toFloat32(ifNull(first_chunk_ms, 0)), c_weight, outcome = 'ok' AND isNotNull(first_chunk_ms)) AS first_chunk
FROM
(
    SELECT
        prompt, toDate(ts, 'UTC') AS c_day, version, purpose, model_served, channel, outcome, input_tokens AS c_input,
        output_tokens AS c_output, cost AS c_cost, ts, duration_ms, first_chunk_ms,
        if(sample_rate > 0 AND sample_rate < 1, 1 / sample_rate - 1, 0) AS c_left_out,
        toUInt32(least(floor(1 + c_left_out + cityHash64(call_id) % 1024 / 1024), 1e9)) AS c_weight
    FROM calls
)
GROUP BY prompt, day, version, purpose, model_served, left_out;

ALTER TABLE scores_hourly ADD COLUMN IF NOT EXISTS left_out Float64, MODIFY ORDER BY (prompt, hour, name, kind, scorer, version, channel, variant, model_served, system_fingerprint, params_hash, stratum, purpose, left_out);

-- scores_hourly by day, without the dimensions that quality by version doesn't need. Written by rollups.py after the hours it is made of, a
-- prompt's day as a whole. Read it with FINAL.
-- shard by: (prompt, day)
CREATE TABLE IF NOT EXISTS scores_daily
(
    prompt       LowCardinality(String),
    day          Date,
    version      UInt32,
    purpose      LowCardinality(String),
    model_served LowCardinality(String),
    left_out     Float64,
    name         LowCardinality(String),
    kind         LowCardinality(String),
    posts        UInt64,
    scored_calls UInt64,
    name_calls   UInt64,
    any_calls    UInt64,
    observations UInt64,
    total        Float64,
    squares      Float64,
    unparsed     UInt64,
    labels       Map(String, UInt64),
    counted_at   DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(counted_at)
PARTITION BY toYYYYMM(day)
ORDER BY (prompt, day, name, kind, version, purpose, model_served, left_out)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000;

INSERT INTO scores_daily
    (prompt, day, version, purpose, model_served, left_out, name, kind, posts, scored_calls, name_calls, any_calls, observations, total,
     squares, unparsed, labels, counted_at)
SELECT
    prompt, toDate(hour, 'UTC') AS day, version, purpose, model_served, left_out, name, kind, sum(h.posts), sum(h.scored_calls),
    sum(h.name_calls), sum(h.any_calls), sum(h.observations), sum(h.total), sum(h.squares), sum(h.unparsed), sumMap(h.labels), now64(6)
FROM scores_hourly AS h FINAL
GROUP BY prompt, day, version, purpose, model_served, left_out, name, kind;

-- Quality by version, of all time, from the days alone. Latencies are estimates (t-digest). Calls of a sample are weighed by what they stand
-- for: counts, rates, sums and means are estimates of all calls then; recorded_calls is how many are on record.
-- One row for each score, and one with score '' where there is none. mean is of calls, not of single values; scored_calls_any counts calls
-- that are scored under any name; effective_n is how many equal weights know as much as those of this mean (Kish): use it for intervals.
CREATE OR REPLACE VIEW quality_by_version AS
SELECT
    c.prompt AS prompt, c.version AS version, c.purpose AS purpose, c.all_calls AS calls, c.errors AS errors,
    c.errors / c.all_calls AS error_rate, s.name AS score, s.kind AS kind, s.scored AS scored_calls,
    sum(s.any_scored) OVER (PARTITION BY prompt, version, purpose) AS scored_calls_any,
    s.scored / c.all_calls AS coverage, if(s.weight = 0, NULL, s.sums / s.weight) AS mean,
    if(s.observed < 2, NULL, sqrt(greatest(s.sums_of_squares / s.weight - pow(s.sums / s.weight, 2), 0) * s.observed / (s.observed - 1))) AS deviation,
    s.unread AS unparsed, s.counted_labels AS labels, c.q[1] AS latency_p50_ms, c.q[2] AS latency_p95_ms, c.q[3] AS latency_p99_ms,
    c.tokens_in AS input_tokens, c.tokens_out AS output_tokens, c.dollars AS cost,
    c.all_calls - least(c.priced, c.all_calls) AS unpriced_calls, c.models AS models, c.since AS first_ts, c.until AS last_ts,
    c.recorded AS recorded_calls, if(s.weight_squares = 0, 0, s.weight * s.weight / s.weight_squares) AS effective_n
FROM
(
    SELECT
        prompt, version, purpose, sum(calls) AS recorded, toUInt64(round(sum(calls * (1 + left_out)))) AS all_calls,
        toUInt64(round(sum((calls - succeeded - client_left) * (1 + left_out)))) AS errors,
        toUInt64(round(sum(input_tokens * (1 + left_out)))) AS tokens_in, toUInt64(round(sum(output_tokens * (1 + left_out)))) AS tokens_out,
        if(sum(cost_known) = 0, NULL, if(max(left_out) = 0, sum(cost), toDecimal128(sum(toFloat64(cost) * (1 + left_out)), 9))) AS dollars,
        toUInt64(round(sum(cost_known * (1 + left_out)))) AS priced, groupUniqArray(toString(model_served)) AS models,
        min(first_ts) AS since, max(last_ts) AS until,
        quantilesTDigestWeightedMerge(0.5, 0.95, 0.99)(duration) AS q
    FROM versions_daily
    GROUP BY prompt, version, purpose
) AS c
LEFT JOIN
(
    SELECT
        prompt, version, purpose, name, kind, toUInt64(round(sum(scored_calls * (1 + left_out)))) AS scored,
        toUInt64(round(sum(any_calls * (1 + left_out)))) AS any_scored, sum(observations) AS observed,
        sum(observations * (1 + left_out)) AS weight, sum(observations * pow(1 + left_out, 2)) AS weight_squares,
        sum(total * (1 + left_out)) AS sums, sum(squares * (1 + left_out)) AS sums_of_squares, sum(d.unparsed) AS unread,
        sumMap(d.labels) AS counted_labels
    FROM scores_daily AS d FINAL
    GROUP BY prompt, version, purpose, name, kind
    HAVING sum(posts) > 0
) AS s ON s.prompt = c.prompt AND s.version = c.version AND s.purpose = c.purpose;

-- Calls by hour, prompt, version, channel and purpose, from the rollup; calls of a sample are weighed by what they stand for, but users
-- can't be. log_ms_mean: the mean logarithm of what successful calls took.
CREATE OR REPLACE VIEW calls_by_hour AS
SELECT
    prompt, hour, version, channel, purpose,
    toUInt64(round(sum(c.calls * (1 + left_out)))) AS calls,
    toUInt64(round(sum((c.calls - succeeded - client_left) * (1 + left_out)))) AS errors,
    toUInt64(round(sum(c.input_tokens * (1 + left_out)))) AS input_tokens,
    toUInt64(round(sum(c.output_tokens * (1 + left_out)))) AS output_tokens,
    if(sum(cost_known) = 0, NULL, if(max(left_out) = 0, sum(c.cost), toDecimal128(sum(toFloat64(c.cost) * (1 + left_out)), 9))) AS cost,
    if(sum(succeeded) = 0, NULL, exp(sum(log_ms * (1 + left_out)) / sum(succeeded * (1 + left_out)))) AS typical_ms,
    uniqCombinedMerge(12)(c.users) AS users,
    sum(c.calls) AS recorded_calls
FROM calls_hourly AS c
GROUP BY prompt, hour, version, channel, purpose;

-- As before, with calls weighed by what they stand for.
CREATE OR REPLACE VIEW what_was_live AS
SELECT
    prompt, channel, variant, any(live_version) AS version, min(span_first) AS first_call, max(span_last) AS last_call,
    toUInt64(round(sum(span_calls))) AS calls
FROM
(
    SELECT *, sum(turned) OVER (PARTITION BY prompt, channel, variant ORDER BY span_first, live_version ROWS UNBOUNDED PRECEDING) AS turn
    FROM
    (
        SELECT
            *,
            live_version != lagInFrame(live_version, 1, 0) OVER
                (PARTITION BY prompt, channel, variant ORDER BY span_first, live_version ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS turned
        FROM
        (
            SELECT
                prompt, channel, variant, hour, version AS live_version, min(first_ts) AS span_first, max(last_ts) AS span_last,
                sum(calls_hourly.calls * (1 + left_out)) AS span_calls
            FROM calls_hourly
            WHERE prompt != '' AND version > 0 AND purpose = 'production'
            GROUP BY prompt, channel, variant, hour, live_version
        )
    )
)
GROUP BY prompt, channel, variant, turn;

-- A call's scores are found by the keys of the call.
ALTER TABLE score_events ADD INDEX IF NOT EXISTS by_key key TYPE bloom_filter(0.001) GRANULARITY 1;

ALTER TABLE score_events MATERIALIZE INDEX by_key;
