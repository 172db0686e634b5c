-- The cells that two versions of a prompt are compared by, from the rollups by hour. Parameters: prompt, baseline and candidate (versions),
-- since and until (seconds since 1970, a half-open window of whole hours), purpose ('' for any), and for scores: score ('' for any), uncounted
-- (hours whose cells are out of date) and counted (0: no hour's cells can be relied on).
-- shared: 2 in hours in which both versions answered on one channel at the same time, 1 where on different ones, else 0. A promotion's hour has
-- calls of both, but not at the same time.
-- Calls of a sample are weighed by what each stands for, 1 + left_out; …_w2 are sums of squared weights, for Kish's effective number.

-- name: versions
SELECT version, toUInt64(sum(calls)) AS recorded
FROM calls_hourly
WHERE prompt = {prompt:String} AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
  AND ({purpose:String} = '' OR purpose = {purpose:String}) AND version > 0
GROUP BY version
ORDER BY version DESC;

-- name: spans
-- When each version was at work, by channel and hour. It stands in the statements below as a common table expression.
SELECT toString(channel) AS span_channel, hour AS span_hour, version AS span_version, min(first_ts) AS begins, max(last_ts) AS ends
FROM calls_hourly
WHERE prompt = {prompt:String} AND version IN ({baseline:UInt32}, {candidate:UInt32})
  AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
  AND ({purpose:String} = '' OR purpose = {purpose:String})
GROUP BY span_channel, span_hour, span_version;

-- name: shared
multiIf(
    (toString(channel), hour) GLOBAL IN
    (
        SELECT span_channel, span_hour FROM (/*spans*/) GROUP BY span_channel, span_hour HAVING count() = 2 AND max(begins) <= min(ends)
    ), 2,
    hour GLOBAL IN
    (
        SELECT span_hour
        FROM (SELECT span_hour, span_version, min(begins) AS first, max(ends) AS last FROM (/*spans*/) GROUP BY span_hour, span_version)
        GROUP BY span_hour
        HAVING count() = 2 AND max(first) <= min(last)
    ), 1,
    0
);

-- name: calls
SELECT
    version,
    toString(stratum) AS stratum_name,
    toString(model_served) AS model,
    intDiv(toUnixTimestamp(hour), 21600) AS block,
    /*shared*/ AS shared,
    sum(c.calls * (1 + left_out)) AS all_n,
    sum(c.calls * pow(1 + left_out, 2)) AS all_w2,
    sum((c.calls - c.succeeded - c.client_left) * (1 + left_out)) AS errors,
    sum(c.succeeded * (1 + left_out)) AS succeeded_n,
    sum(c.succeeded * pow(1 + left_out, 2)) AS succeeded_w2,
    sum(least(c.succeeded, finish_reasons['content_filter'] + finish_reasons['refusal']) * (1 + left_out)) AS refused,
    sum(least(c.succeeded, finish_reasons['length'] + finish_reasons['max_tokens'] + finish_reasons['max_output_tokens']
        + finish_reasons['model_context_window_exceeded']) * (1 + left_out)) AS cut_off,
    sum(c.log_ms * (1 + left_out)) AS log_ms_sum,
    sum(c.log_ms_squares * (1 + left_out)) AS log_ms_sum_of_squares,
    sum(c.output_known * (1 + left_out)) AS output_n,
    sum(c.output_known * pow(1 + left_out, 2)) AS output_w2,
    sum(c.output_tokens * (1 + left_out)) AS output_sum,
    sum(c.output_squares * (1 + left_out)) AS output_sum_of_squares,
    sum(c.cost_known * (1 + left_out)) AS cost_n,
    sum(c.cost_known * pow(1 + left_out, 2)) AS cost_w2,
    sum(toFloat64(c.cost) * (1 + left_out)) AS cost_sum
FROM
(
    SELECT
        version, stratum, model_served, hour, channel, left_out, sum(h.calls) AS calls, sum(h.succeeded) AS succeeded,
        sum(h.client_left) AS client_left, sumMap(h.finish_reasons) AS finish_reasons, sum(h.log_ms) AS log_ms,
        sum(h.log_ms_squares) AS log_ms_squares, sum(h.output_known) AS output_known, sum(h.output_tokens) AS output_tokens,
        sum(h.output_squares) AS output_squares, sum(h.cost_known) AS cost_known, sum(h.cost) AS cost
    FROM calls_hourly AS h
    WHERE prompt = {prompt:String} AND version IN ({baseline:UInt32}, {candidate:UInt32})
      AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
      AND ({purpose:String} = '' OR purpose = {purpose:String})
    GROUP BY version, stratum, model_served, hour, channel, left_out
) AS c
GROUP BY version, stratum_name, model, block, shared;

-- name: scores
-- reading.py puts the cells of hours that are not counted yet in the place of the first mark.
SELECT
    version,
    toString(stratum) AS stratum_name,
    toString(model_served) AS model,
    toString(name) AS score_name,
    toString(kind) AS score_kind,
    toString(scorer) AS score_scorer,
    intDiv(toUnixTimestamp(hour), 21600) AS block,
    /*shared*/ AS shared,
    sum(observations * (1 + left_out)) AS n,
    sum(observations * pow(1 + left_out, 2)) AS w2,
    sum(total * (1 + left_out)) AS value_sum,
    sum(squares * (1 + left_out)) AS value_sum_of_squares,
    sum(unparsed * (1 + left_out)) AS unread
FROM
(
    /*uncounted*/
    SELECT version, channel, model_served, stratum, purpose, left_out, name, kind, scorer, hour, posts, observations, total, squares, unparsed
    FROM scores_hourly FINAL
    WHERE prompt = {prompt:String} AND version IN ({baseline:UInt32}, {candidate:UInt32})
      AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
      AND {counted:UInt8} AND NOT has({uncounted:Array(UInt32)}, toUnixTimestamp(hour))
) AS cells
WHERE posts > 0 AND kind != 'category' AND version IN ({baseline:UInt32}, {candidate:UInt32})
  AND ({purpose:String} = '' OR purpose = {purpose:String})
  AND ({score:String} = '' OR name = {score:String})
GROUP BY version, stratum_name, model, score_name, score_kind, score_scorer, block, shared;
