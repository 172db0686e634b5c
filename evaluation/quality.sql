-- Quality by version: the cells that evaluation/quality.py works on. Parameters: prompt, since_ms and until_ms (a half-open
-- window in milliseconds since 1970), purpose ('' for any), and for scores: score ('' for any).
-- Each statement also gives the totals over all models, because quantiles of cells can't be added up afterwards.
-- Calls of a sample are weighed by what each stands for, 1 + left_out; recorded, observed and scored_recorded count what is on record.

-- name: size
-- How many calls there are in the days that a window touches, and how many more they stand for.
SELECT sum(calls) AS recorded, sum(calls * left_out) AS left_out
FROM versions_daily
WHERE prompt = {prompt:String} AND day >= toDate({touched_since:UInt16}) AND day <= toDate({touched_until:UInt16})
  AND ({purpose:String} = '' OR purpose = {purpose:String});

-- name: calls
-- From the calls themselves, for windows that hold no calls of a sample and not too many of any: every figure is exact.
-- Latencies are those of calls that succeeded: a refusal within a millisecond is no fast answer.
SELECT
    version,
    toString(model_served) AS model,
    grouping(model_served) AS all_models,
    count() AS calls,
    count() AS recorded,
    countIf(outcome NOT IN ('ok', 'client_left')) AS errors,
    countIf(outcome = 'client_left') AS client_left,
    quantilesExactInclusiveIf(0.5, 0.95)(duration_ms, outcome = 'ok') AS latency_ms,
    quantilesExactInclusiveIf(0.5)(assumeNotNull(first_chunk_ms), outcome = 'ok' AND isNotNull(first_chunk_ms)) AS first_chunk_quantiles,
    sum(input_tokens) AS input_sum,
    count(input_tokens) AS input_known,
    sum(output_tokens) AS output_sum,
    count(output_tokens) AS output_known,
    toFloat64(sum(cost)) AS cost_sum,
    count(cost) AS cost_known,
    toUnixTimestamp64Milli(min(ts)) AS first_ms,
    toUnixTimestamp64Milli(max(ts)) AS last_ms,
    arraySort(groupUniqArrayIf(toString(channel), channel != '')) AS channels
FROM calls
WHERE prompt = {prompt:String}
  AND ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
  AND ts < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
  AND ({purpose:String} = '' OR purpose = {purpose:String})
GROUP BY GROUPING SETS ((prompt, version, model_served), (prompt, version))
ORDER BY version, all_models, model;

-- name: calls_by_day
-- The same from versions_daily for whole days (days since 1970), and from the calls for what is left at the edges of the window: before
-- low_end_ms and from high_begin_ms on. Latencies are estimates from digests.
SELECT
    version,
    toString(model_served) AS model,
    grouping(model_served) AS all_models,
    toUInt64(round(sum(n_calls * (1 + left_out)))) AS calls,
    sum(n_calls) AS recorded,
    toUInt64(round(sum((n_calls - n_succeeded - n_client_left) * (1 + left_out)))) AS errors,
    toUInt64(round(sum(n_client_left * (1 + left_out)))) AS client_left,
    quantilesTDigestWeightedMerge(0.5, 0.95, 0.99)(duration) AS latency_ms,
    quantilesTDigestWeightedMerge(0.5, 0.95, 0.99)(first_chunk) AS first_chunk_quantiles,
    if(sum(n_input_known) = 0, NULL, toUInt64(round(sum(n_input * (1 + left_out))))) AS input_sum,
    sum(n_input_known * (1 + left_out)) AS input_known,
    if(sum(n_output_known) = 0, NULL, toUInt64(round(sum(n_output * (1 + left_out))))) AS output_sum,
    sum(n_output_known * (1 + left_out)) AS output_known,
    if(sum(n_cost_known) = 0, NULL, sum(toFloat64(n_cost) * (1 + left_out))) AS cost_sum,
    sum(n_cost_known * (1 + left_out)) AS cost_known,
    toUnixTimestamp64Milli(min(since)) AS first_ms,
    toUnixTimestamp64Milli(max(until)) AS last_ms,
    arraySort(groupUniqArrayArray(found_channels)) AS channels
FROM
(
    SELECT
        version, model_served, left_out, calls AS n_calls, succeeded AS n_succeeded, client_left AS n_client_left, duration, first_chunk,
        input_tokens AS n_input, input_known AS n_input_known, output_tokens AS n_output, output_known AS n_output_known, cost AS n_cost,
        cost_known AS n_cost_known, first_ts AS since, last_ts AS until, channels AS found_channels
    FROM versions_daily
    WHERE prompt = {prompt:String} AND day >= toDate({since_day:UInt16}) AND day < toDate({until_day:UInt16})
      AND ({purpose:String} = '' OR purpose = {purpose:String})
    UNION ALL
    SELECT
        version, model_served, weight - 1, count(), countIf(outcome = 'ok'), countIf(outcome = 'client_left'),
        quantilesTDigestWeightedStateIf(0.5, 0.95, 0.99)(toFloat32(duration_ms), whole_weight, outcome = 'ok'),
        quantilesTDigestWeightedStateIf(0.5, 0.95, 0.99)(toFloat32(ifNull(first_chunk_ms, 0)), whole_weight, outcome = 'ok' AND isNotNull(first_chunk_ms)),
        sum(toUInt64(ifNull(input_tokens, 0))), count(input_tokens), sum(toUInt64(ifNull(output_tokens, 0))), count(output_tokens),
        sum(ifNull(cost, 0)), count(cost), min(ts), max(ts), groupUniqArrayIf(toString(channel), channel != '')
    FROM
    (
        SELECT
            *, if(sample_rate > 0 AND sample_rate < 1, 1 / sample_rate, 1) AS weight,
            toUInt32(least(floor(weight + cityHash64(call_id) % 1024 / 1024), 1e9)) AS whole_weight
        FROM calls
        WHERE prompt = {prompt:String}
          AND (ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({low_end_ms:Int64}, 'UTC')
            OR ts >= fromUnixTimestamp64Milli({high_begin_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC'))
          AND ({purpose:String} = '' OR purpose = {purpose:String})
    )
    GROUP BY version, model_served, weight
)
GROUP BY GROUPING SETS ((version, model_served), (version))
ORDER BY version, all_models, model;

-- name: scores
-- From scores_daily for whole days, from scores_hourly for the hours beside them and in days that have uncounted hours; report.py puts the
-- cells of hours that are not counted yet, or not whole in the window, in the place of the first mark. Several values of one name for one
-- call are one observation there, their mean.
SELECT
    version,
    toString(model_served) AS model,
    toString(name) AS score_name,
    toString(kind) AS score_kind,
    grouping(model_served) AS all_models,
    grouping(name) AS all_scores,
    toUInt64(round(multiIf(all_scores = 0, sum(cells.scored_calls * (1 + left_out)), {score:String} = '',
        sum(cells.any_calls * (1 + left_out)), sum(cells.name_calls * (1 + left_out))))) AS scored_calls,
    sum(cells.scored_calls) AS scored_recorded,
    sum(observations * (1 + left_out)) AS weight,
    sum(observations * pow(1 + left_out, 2)) AS weight_squares,
    sum(total * (1 + left_out)) AS mean_sum,
    sum(squares * (1 + left_out)) AS mean_sum_of_squares,
    sum(unparsed) AS unparsed_scores,
    sumMap(labels) AS label_counts
FROM
(
    /*uncounted*/
    SELECT version, model_served, name, kind, purpose, left_out, posts, scored_calls, name_calls, any_calls, observations, total, squares,
        unparsed, labels
    FROM scores_daily FINAL
    WHERE prompt = {prompt:String} AND day >= toDate({score_since_day:UInt16}) AND day < toDate({score_until_day:UInt16})
      AND NOT has({uncounted_days:Array(UInt32)}, toRelativeDayNum(day))
    UNION ALL
    SELECT version, model_served, name, kind, purpose, left_out, posts, scored_calls, name_calls, any_calls, observations, total, squares,
        unparsed, labels
    FROM scores_hourly FINAL
    WHERE prompt = {prompt:String} AND hour >= fromUnixTimestamp({since_hour:UInt32}) AND hour < fromUnixTimestamp({until_hour:UInt32})
      AND (hour < fromUnixTimestamp({low_until_hour:UInt32}) OR hour >= fromUnixTimestamp({high_since_hour:UInt32})
        OR has({uncounted_days:Array(UInt32)}, toRelativeDayNum(hour, 'UTC')))
      AND NOT has({uncounted:Array(UInt32)}, toUnixTimestamp(hour))
) AS cells
WHERE posts > 0
  AND ({purpose:String} = '' OR purpose = {purpose:String})
  AND ({score:String} = '' OR name = {score:String})
GROUP BY GROUPING SETS (
    (version, model_served, name, kind), (version, name, kind), (version, model_served), (version)
)
ORDER BY version, all_models, model, all_scores, score_name, score_kind;
