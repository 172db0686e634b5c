-- Quality by version: the cells that evaluation/quality.py works on. Parameters: prompt, since_ms and until_ms (a half-open
-- window in milliseconds since 1970), purpose ('' for any), and for scores: score ('' for any).
-- Each statement also gives the totals over all models, because quantiles of cells can't be added up afterwards.

-- name: calls
-- Latencies are those of calls that succeeded: a refusal within a millisecond is no fast answer.
SELECT
    version,
    toString(model_served) AS model,
    grouping(model_served) AS all_models,
    count() AS calls,
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

-- name: scores
-- From the cells of scores_hourly, hour by hour; report.py puts the cells of hours that are not counted yet, or not whole in the window, in
-- the place of the first mark. Several values of one name for one call are one observation there, their mean.
SELECT
    version,
    toString(model_served) AS model,
    toString(name) AS score_name,
    toString(kind) AS score_kind,
    grouping(model_served) AS all_models,
    grouping(name) AS all_scores,
    multiIf(all_scores = 0, sum(cells.scored_calls), {score:String} = '', sum(cells.any_calls), sum(cells.name_calls)) AS scored_calls,
    sum(total) AS mean_sum,
    sum(squares) AS mean_sum_of_squares,
    sum(unparsed) AS unparsed_scores,
    sumMap(labels) AS label_counts
FROM
(
    /*uncounted*/
    SELECT version, model_served, name, kind, purpose, posts, scored_calls, name_calls, any_calls, total, squares, unparsed, labels
    FROM scores_hourly FINAL
    WHERE prompt = {prompt:String} AND hour >= fromUnixTimestamp({since_hour:UInt32}) AND hour < fromUnixTimestamp({until_hour:UInt32})
      AND NOT has({uncounted:Array(UInt32)}, toUnixTimestamp(hour))
) AS cells
WHERE posts > 0
  AND ({purpose:String} = '' OR purpose = {purpose:String})
  AND ({score:String} = '' OR name = {score:String})
GROUP BY GROUPING SETS (
    (version, model_served, name, kind), (version, name, kind), (version, model_served), (version)
)
ORDER BY version, all_models, model, all_scores, score_name, score_kind;
