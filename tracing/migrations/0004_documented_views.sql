-- Quality by version, of all time, from the rollups alone: a fraction of a second over millions of calls. Latencies are estimates (t-digest).
-- One row for each score, and one with score '' where there is none. mean is of calls, not of single values; scored_calls_any counts calls
-- that are scored under any name.
CREATE OR REPLACE VIEW quality_by_version AS
SELECT
    c.prompt AS prompt, c.version AS version, c.purpose AS purpose, c.calls AS calls, c.errors AS errors,
    c.errors / c.calls AS error_rate, s.name AS score, s.kind AS kind, s.scored_calls AS scored_calls,
    sum(s.any_calls) OVER (PARTITION BY prompt, version, purpose) AS scored_calls_any, s.scored_calls / c.calls AS coverage, if(s.observations = 0, NULL, s.total / s.observations) AS mean,
    if(s.observations < 2, NULL, sqrt(greatest(s.squares - s.total * s.total / s.observations, 0) / (s.observations - 1))) AS deviation,
    s.unparsed AS unparsed, s.labels AS labels, l.q[1] AS latency_p50_ms, l.q[2] AS latency_p95_ms, l.q[3] AS latency_p99_ms,
    c.input_tokens AS input_tokens, c.output_tokens AS output_tokens, c.cost AS cost, c.calls - c.cost_known AS unpriced_calls,
    c.models AS models, c.first_ts AS first_ts, c.last_ts AS last_ts
FROM
(
    SELECT
        prompt, version, purpose, sum(calls_hourly.calls) AS calls,
        sum(calls_hourly.calls - succeeded - client_left) AS errors,
        sum(calls_hourly.input_tokens) AS input_tokens, sum(calls_hourly.output_tokens) AS output_tokens,
        if(sum(calls_hourly.cost_known) = 0, NULL, sum(calls_hourly.cost)) AS cost, sum(calls_hourly.cost_known) AS cost_known,
        groupUniqArray(toString(model_served)) AS models, min(calls_hourly.first_ts) AS first_ts, max(calls_hourly.last_ts) AS last_ts
    FROM calls_hourly
    GROUP BY prompt, version, purpose
) AS c
LEFT JOIN
(
    SELECT
        prompt, version, purpose, name, kind, sum(scores_hourly.scored_calls) AS scored_calls,
        sum(scores_hourly.any_calls) AS any_calls,
        sum(scores_hourly.observations) AS observations, sum(scores_hourly.total) AS total, sum(scores_hourly.squares) AS squares,
        sum(scores_hourly.unparsed) AS unparsed, sumMap(scores_hourly.labels) AS labels
    FROM scores_hourly FINAL
    GROUP BY prompt, version, purpose, name, kind
    HAVING sum(scores_hourly.posts) > 0
) AS s ON s.prompt = c.prompt AND s.version = c.version AND s.purpose = c.purpose
LEFT JOIN
(
    SELECT prompt, version, purpose, quantilesTDigestMerge(0.5, 0.95, 0.99)(duration) AS q
    FROM latency_daily
    GROUP BY prompt, version, purpose
) AS l ON l.prompt = c.prompt AND l.version = c.version AND l.purpose = c.purpose;

-- Calls by hour, prompt, version, channel and purpose, from the rollup. log_ms_mean: the mean logarithm of what successful calls took.
CREATE OR REPLACE VIEW calls_by_hour AS
SELECT
    prompt, hour, version, channel, purpose,
    sum(calls_hourly.calls) AS calls,
    sum(calls_hourly.calls - succeeded - client_left) AS errors,
    sum(calls_hourly.input_tokens) AS input_tokens,
    sum(calls_hourly.output_tokens) AS output_tokens,
    if(sum(cost_known) = 0, NULL, sum(calls_hourly.cost)) AS cost,
    if(sum(succeeded) = 0, NULL, exp(sum(log_ms) / sum(succeeded))) AS typical_ms,
    uniqCombinedMerge(12)(calls_hourly.users) AS users
FROM calls_hourly
GROUP BY prompt, hour, version, channel, purpose;

-- Which version answered a prompt's channel, from when to when, as the production calls saw it. A change within one hour is seen by
-- the first call of each version in that hour; a version that comes back within the hour it left is not seen leaving.
-- A roll-out to a part of the callers has its own variant, and so its own rows.
CREATE OR REPLACE VIEW what_was_live AS
SELECT
    prompt, channel, variant, any(live_version) AS version, min(span_first) AS first_call, max(span_last) AS last_call,
    sum(span_calls) AS calls
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
                sum(calls_hourly.calls) AS span_calls
            FROM calls_hourly
            WHERE prompt != '' AND version > 0 AND purpose = 'production'
            GROUP BY prompt, channel, variant, hour, live_version
        )
    )
)
GROUP BY prompt, channel, variant, turn;
