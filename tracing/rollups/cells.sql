-- The cells of scores_hourly for the calls that hold /*within*/, a condition on prompt and call_ts.
-- /*scored*/ narrows the keys where they are many, /*posts*/ the scores where they are few.
-- A call's values of one name are one observation, their mean: they are not independent of each other.
SELECT
    prompt, hour, version, channel, variant, model_served, system_fingerprint, params_hash, stratum, purpose, left_out,
    score_name AS name, score_kind AS kind, score_scorer AS scorer,
    sum(call_posts) AS posts,
    countIf(has_value) AS scored_calls,
    countIf(first_of_name) AS name_calls,
    countIf(first_of_call) AS any_calls,
    count(mean) AS observations,
    sum(ifNull(mean, 0)) AS total,
    sum(ifNull(mean * mean, 0)) AS squares,
    sum(not_parsed) AS unparsed,
    sumMap(call_labels) AS labels
FROM
(
    SELECT
        *,
        isNotNull(mean) OR labelled > 0 AS has_value,
        has_value AND countIf(has_value) OVER (PARTITION BY call_id, score_name ORDER BY score_kind ROWS UNBOUNDED PRECEDING) = 1 AS first_of_name,
        has_value AND countIf(has_value) OVER (PARTITION BY call_id ORDER BY score_name, score_kind ROWS UNBOUNDED PRECEDING) = 1 AS first_of_call
    FROM
    (
        SELECT
            o.prompt AS prompt, toStartOfHour(o.call_ts, 'UTC') AS hour, o.version AS version, o.channel AS channel, o.variant AS variant,
            o.model_served AS model_served, o.system_fingerprint AS system_fingerprint, o.params_hash AS params_hash, o.stratum AS stratum,
            o.purpose AS purpose, o.left_out AS left_out, o.call_id AS call_id, e.name AS score_name, e.kind AS score_kind,
            arrayStringConcat(arraySort(groupUniqArray(if(e.scorer_version = '', toString(e.scorer), concat(e.scorer, ':', e.scorer_version)))), ', ')
                AS score_scorer,
            avgIf(e.value, e.parsed AND e.kind NOT IN ('category', 'text') AND isFinite(e.value)) AS mean,
            countIf(e.parsed AND e.kind IN ('category', 'text')) AS labelled,
            count() AS call_posts,
            countIf(NOT e.parsed) AS not_parsed,
            sumMapIf(map(e.label, toUInt64(1)), e.parsed AND e.kind = 'category') AS call_labels
        FROM
        (
            SELECT key, name, kind, value, label, parsed, scorer, scorer_version
            FROM score_events FINAL
            WHERE NOT deleted AND kind != 'text' /*posts*/
        ) AS e
        INNER JOIN
        (
            SELECT *
            FROM
            (
                SELECT
                    key, call_id, call_ts, prompt, version, channel, variant, model_served, system_fingerprint, params_hash, stratum, purpose, left_out
                FROM call_keys
                WHERE key GLOBAL IN (SELECT key FROM call_keys WHERE /*within*/ /*scored*/)
                ORDER BY key, call_ts DESC, call_id DESC
                LIMIT 1 BY key
            )
            WHERE /*within*/
        ) AS o ON o.key = e.key
        GROUP BY prompt, hour, version, channel, variant, model_served, system_fingerprint, params_hash, stratum, purpose, left_out, call_id,
                 score_name, score_kind
    )
)
GROUP BY prompt, hour, version, channel, variant, model_served, system_fingerprint, params_hash, stratum, purpose, left_out, name, kind, scorer
