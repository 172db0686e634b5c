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
-- Several values of one name for one call are one observation, their mean: they are not independent of each other. Texts are to be
-- read, not counted.
WITH per_call AS
(
    SELECT
        prompt, version, model_served, name, kind, call_id,
        avgIf(value, parsed AND kind != 'category' AND isFinite(value)) AS mean,
        countIf(parsed AND kind = 'category') AS labelled,
        countIf(NOT parsed) AS unparsed,
        sumMapIf(map(label, toUInt64(1)), parsed AND kind = 'category') AS labels
    FROM scores
    WHERE prompt = {prompt:String}
      AND call_ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
      AND call_ts < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
      AND ({purpose:String} = '' OR purpose = {purpose:String})
      AND ({score:String} = '' OR name = {score:String})
      AND kind != 'text'
    GROUP BY prompt, version, model_served, name, kind, call_id
)
SELECT
    version,
    toString(model_served) AS model,
    toString(name) AS score_name,
    toString(kind) AS score_kind,
    grouping(model_served) AS all_models,
    grouping(name) AS all_scores,
    uniqExactIf(call_id, isNotNull(mean) OR labelled > 0) AS scored_calls,
    sum(mean) AS mean_sum,
    sum(mean * mean) AS mean_sum_of_squares,
    sum(unparsed) AS unparsed_scores,
    sumMap(labels) AS label_counts
FROM per_call
GROUP BY GROUPING SETS (
    (prompt, version, model_served, name, kind), (prompt, version, name, kind),
    (prompt, version, model_served), (prompt, version)
)
ORDER BY version, all_models, model, all_scores, score_name, score_kind;
