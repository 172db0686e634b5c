-- The cells that a drift report is made of, by hour (since 1970, UTC) and all that a change can be traced to. Parameters: prompt, name (of the
-- score), since and until (seconds since 1970, a half-open window of whole hours). reading.py puts a metric's sums in the place of the marks.
-- Calls of a sample are weighed by what each stands for, 1 + left_out.

-- name: calls
-- A metric that calls tell themselves.
SELECT
    intDiv(toUnixTimestamp(hour), 3600) AS hour_number, toString(stratum) AS stratum_name, version, toString(channel) AS channel_name,
    toString(variant) AS variant_name, toString(model_served) AS model, toString(system_fingerprint) AS fingerprint,
    toString(params_hash) AS params, '' AS scorer_name,
    sum(each_n * (1 + left_out)) AS n, sum(each_total * (1 + left_out)) AS total, sum(each_squares * (1 + left_out)) AS squares,
    sum(each_calls * (1 + left_out)) AS all_calls, 0 AS not_parsed, sum(each_n * pow(1 + left_out, 2)) / greatest(n, 1e-9) AS weight
FROM
(
    SELECT
        hour, stratum, version, channel, variant, model_served, system_fingerprint, params_hash, left_out,
        /*n*/ AS each_n, /*total*/ AS each_total, /*squares*/ AS each_squares, calls AS each_calls
    FROM calls_hourly
    WHERE prompt = {prompt:String} AND purpose = 'production'
      AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
)
GROUP BY hour, stratum, version, channel, variant, model_served, system_fingerprint, params_hash
ORDER BY hour_number;

-- name: scores
-- A score; several values for one call are one observation there, their mean. With a label, the share of the category's values that say so.
-- Hours that aren't counted yet come in the place of the first mark, from the scores themselves.
SELECT
    intDiv(toUnixTimestamp(hour), 3600) AS hour_number, toString(stratum) AS stratum_name, version, toString(channel) AS channel_name,
    toString(variant) AS variant_name, toString(model_served) AS model, toString(system_fingerprint) AS fingerprint,
    toString(params_hash) AS params, toString(scorer) AS scorer_name,
    sum(/*n*/ * (1 + left_out)) AS n, sum(/*total*/ * (1 + left_out)) AS summed, sum(/*squares*/ * (1 + left_out)) AS summed_squares,
    0 AS all_calls, sum(unparsed * (1 + left_out)) AS not_parsed, sum(/*n*/ * pow(1 + left_out, 2)) / greatest(n, 1e-9) AS weight
FROM
(
    /*uncounted*/
    SELECT hour, stratum, version, channel, variant, model_served, system_fingerprint, params_hash, scorer, kind, left_out, posts,
        observations, total, squares, unparsed, labels, purpose, name
    FROM scores_hourly FINAL
    WHERE prompt = {prompt:String} AND name = {name:String}
      AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
      AND toUnixTimestamp(hour) NOT IN {uncounted:Array(UInt32)}
)
WHERE posts > 0 AND purpose = 'production' AND name = {name:String}
GROUP BY hour, stratum, version, channel, variant, model_served, system_fingerprint, params_hash, scorer
ORDER BY hour_number;

-- name: names
-- The scores that a prompt's calls have, with their kinds. Parameters: prompt.
SELECT toString(name) AS score, arraySort(groupUniqArray(toString(kind))) AS kinds, sum(n) AS observations,
    arraySort(mapKeys(sumMap(found_labels))) AS label_names
FROM
(
    SELECT name, kind, sum(observations) + sum(scored_calls) AS n, sumMap(labels) AS found_labels
    FROM scores_hourly FINAL
    WHERE prompt = {prompt:String} AND posts > 0 AND purpose = 'production'
    GROUP BY name, kind
)
GROUP BY name
ORDER BY observations DESC, score;

-- name: fresh_names
-- The same from the scores themselves, for a prompt whose scores aren't counted yet.
SELECT toString(name) AS score, arraySort(groupUniqArray(toString(kind))) AS kinds, count() AS observations,
    arraySort(arrayFilter(label -> label != '', groupUniqArray(toString(label)))) AS label_names
FROM score_events FINAL
WHERE NOT deleted AND kind != 'text'
  AND key GLOBAL IN (SELECT key FROM call_keys WHERE prompt = {prompt:String} AND purpose = 'production')
GROUP BY name
ORDER BY observations DESC, score;

-- name: neighbours
-- Other prompts that the same models answered, those with the most calls first. Parameters: prompt, models, since, until, most.
SELECT toString(prompt) AS slug
FROM calls_hourly
WHERE prompt != {prompt:String} AND prompt != '' AND purpose = 'production' AND model_served IN {models:Array(String)}
  AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
GROUP BY prompt
HAVING sum(calls) >= 200
ORDER BY sum(calls) DESC, slug
LIMIT {most:UInt32};

-- name: neighbour_calls
-- Output tokens and how answers ended, of several prompts. Parameters: prompts, models, since, until.
SELECT
    toString(prompt) AS slug, measure.1 AS metric, intDiv(toUnixTimestamp(hour), 3600) AS hour_number, toString(stratum) AS stratum_name,
    version, sum(measure.2 * (1 + left_out)) AS n, sum(measure.3 * (1 + left_out)) AS total, sum(measure.4 * (1 + left_out)) AS squares,
    sum(measure.2 * pow(1 + left_out, 2)) / greatest(n, 1e-9) AS weight
FROM
(
    SELECT
        prompt, hour, stratum, version, left_out,
        arrayJoin([
            ('output_tokens', toFloat64(output_known), toFloat64(output_tokens), output_squares),
            ('share of whole answers', toFloat64(succeeded), toFloat64(finish_reasons['stop'] + finish_reasons['end_turn'] + finish_reasons['completed']),
                toFloat64(finish_reasons['stop'] + finish_reasons['end_turn'] + finish_reasons['completed']))
        ]) AS measure
    FROM calls_hourly
    WHERE prompt IN {prompts:Array(String)} AND purpose = 'production' AND model_served IN {models:Array(String)}
      AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
)
GROUP BY prompt, measure.1, hour, stratum, version
HAVING n > 0;

-- name: neighbour_scores
-- All scores of several prompts.
SELECT
    toString(prompt) AS slug, toString(name) AS metric, intDiv(toUnixTimestamp(hour), 3600) AS hour_number,
    toString(stratum) AS stratum_name, version, sum(observations * (1 + left_out)) AS n, sum(total * (1 + left_out)) AS summed,
    sum(squares * (1 + left_out)) AS summed_squares, sum(observations * pow(1 + left_out, 2)) / greatest(n, 1e-9) AS weight
FROM scores_hourly FINAL
WHERE prompt IN {prompts:Array(String)} AND purpose = 'production' AND model_served IN {models:Array(String)} AND posts > 0
  AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
GROUP BY prompt, name, hour, stratum, version
HAVING n > 0;

-- name: users
-- How alike the calls of one user are: the variance of the difference of two windows with users as clusters, over that with each call for
-- itself. Parameters: prompt, name (of the score), before_since, before_until, after_since and after_until (seconds since 1970).
-- users.py puts what is observed of each call in the place of the mark: who (a hash, 0 for nobody), side (0, 1), stratum, value.
SELECT sumIf(pow(moved, 2), who != 0) AS clustered, sumIf(alone, who != 0) AS by_itself, sumIf(user_n, who != 0) AS named, sum(user_n) AS observed,
    countIf(who != 0) AS users
FROM
(
    SELECT
        who, sum(if(side = 1, 1, -1) * (y - n * mean) / side_n) AS moved,
        sum((y2 - 2 * mean * y + n * mean * mean) / pow(side_n, 2)) AS alone, sum(n) AS user_n
    FROM
    (
        SELECT
            who, side, n, y, y2, sum(y) OVER (PARTITION BY side, stratum) / sum(n) OVER (PARTITION BY side, stratum) AS mean,
            sum(n) OVER (PARTITION BY side) AS side_n
        FROM
        (
            SELECT who, side, stratum, toFloat64(count()) AS n, sum(value) AS y, sum(value * value) AS y2
            FROM (/*observed*/)
            GROUP BY who, side, stratum
        )
    )
    GROUP BY who
);

-- name: user_calls
-- What is observed of each call in a metric that calls tell themselves; users.py puts the value and what it takes to have one in the marks.
SELECT if(user = '' AND session = '', 0, cityHash64(if(user != '', user, session))) AS who,
    toUInt8(ts >= toDateTime({after_since:UInt32}, 'UTC')) AS side, stratum, toFloat64(/*value*/) AS value
FROM calls
WHERE prompt = {prompt:String} AND purpose = 'production' AND (/*known*/)
  AND (ts >= toDateTime({before_since:UInt32}, 'UTC') AND ts < toDateTime({before_until:UInt32}, 'UTC')
    OR ts >= toDateTime({after_since:UInt32}, 'UTC') AND ts < toDateTime({after_until:UInt32}, 'UTC'));

-- name: user_scores
-- The same of a score. Without FINAL, which would sort the scores of all prompts: one that was replaced counts with both of its values until
-- ClickHouse has merged them, which hardly moves a ratio of variances.
SELECT c.who AS who, c.side AS side, c.stratum AS stratum, e.mean AS value
FROM
(
    SELECT key, avg(score_events.value) AS mean
    FROM score_events
    WHERE NOT deleted AND parsed AND kind IN ('bool', 'number') AND name = {name:String} AND isFinite(score_events.value)
      AND key GLOBAL IN
      (
          SELECT key FROM call_keys
          WHERE prompt = {prompt:String} AND call_ts >= toDateTime({before_since:UInt32}, 'UTC')
            AND call_ts < toDateTime({after_until:UInt32}, 'UTC')
      )
    GROUP BY key
) AS e
INNER JOIN
(
    -- A call's keys are made anew from the call: its own rows lie together, where those of call_keys are spread over all.
    SELECT key, who, side, stratum
    FROM
    (
        SELECT
            arrayJoin(arrayConcat(
                [call_id],
                if(trace_id = '', [], [reinterpretAsUUID(sipHash128('trace', trace_id))]),
                if(external_id = '', [], [reinterpretAsUUID(sipHash128('external', external_id))])
            )) AS key,
            ts, call_id, if(user = '' AND session = '', 0, cityHash64(if(user != '', user, session))) AS who,
            toUInt8(ts >= toDateTime({after_since:UInt32}, 'UTC')) AS side, stratum
        FROM calls
        WHERE prompt = {prompt:String} AND purpose = 'production'
          AND (ts >= toDateTime({before_since:UInt32}, 'UTC') AND ts < toDateTime({before_until:UInt32}, 'UTC')
            OR ts >= toDateTime({after_since:UInt32}, 'UTC') AND ts < toDateTime({after_until:UInt32}, 'UTC'))
    )
    ORDER BY key, ts DESC, call_id DESC
    LIMIT 1 BY key
) AS c ON c.key = e.key;

-- name: all_calls
-- All prompts at once, hour by hour, in all metrics of calls. Parameters: since, until. overview.py puts the sums in the place of the mark.
SELECT toString(prompt) AS slug, measure.1 AS metric, intDiv(toUnixTimestamp(hour), 3600) AS hour_number,
    sum(measure.2 * (1 + left_out)) AS n, sum(measure.3 * (1 + left_out)) AS total, sum(measure.4 * (1 + left_out)) AS squares,
    sum(measure.2 * pow(1 + left_out, 2)) / greatest(n, 1e-9) AS weight
FROM
(
    SELECT prompt, hour, left_out, arrayJoin([/*measures*/]) AS measure
    FROM calls_hourly
    WHERE prompt != '' AND purpose = 'production'
      AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
)
GROUP BY prompt, measure.1, hour
HAVING n > 0
ORDER BY slug, metric, hour_number;

-- name: all_scores
-- The same of all scores. Hours that aren't counted yet are missing for the moment.
SELECT toString(prompt) AS slug, toString(name) AS metric, intDiv(toUnixTimestamp(hour), 3600) AS hour_number,
    sum(observations * (1 + left_out)) AS n, sum(total * (1 + left_out)) AS summed, sum(squares * (1 + left_out)) AS summed_squares,
    sum(observations * pow(1 + left_out, 2)) / greatest(n, 1e-9) AS weight, max(kind = 'number') AS number
FROM scores_hourly FINAL
WHERE prompt != '' AND purpose = 'production' AND posts > 0 AND kind IN ('bool', 'number')
  AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
GROUP BY prompt, name, hour
HAVING n > 0
ORDER BY slug, metric, hour_number;
