-- The hours that monitors look at. Parameters: since and until (hours since 1970, a half-open window), and but for `prompts` the prompts.
-- Production calls of every channel. Calls of a sample are weighed by what each stands for, 1 + left_out; n is how many equal weights know
-- as much (Kish). A row has all hours of a series as arrays: thousands of prompts have millions of hours.

-- name: prompts
-- Prompts with enough calls to be watched at all, those with the most first.
SELECT toString(prompt) AS prompt, sum(calls) AS recorded
FROM calls_hourly
WHERE prompt != '' AND purpose = 'production'
  AND hour >= toDateTime({since:UInt32} * 3600, 'UTC') AND hour < toDateTime({until:UInt32} * 3600, 'UTC')
GROUP BY prompt
HAVING recorded >= {least:UInt32}
ORDER BY recorded DESC, prompt;

-- name: scored
SELECT toString(prompt) AS prompt, arraySort(groupUniqArray(toString(name))) AS names
FROM scores_hourly
WHERE prompt != '' AND purpose = 'production' AND observations > 0
  AND hour >= toDateTime({since:UInt32} * 3600, 'UTC') AND hour < toDateTime({until:UInt32} * 3600, 'UTC')
GROUP BY prompt;

-- name: calls
-- Finish reasons as providers' dialects have them: https://platform.openai.com/docs/api-reference/chat/object,
-- https://docs.anthropic.com/en/api/messages. Latency is of calls that succeeded.
SELECT
    prompt, groupArray(begin) AS begin, groupArray(n_calls) AS n_calls, groupArray(failed) AS failed, groupArray(n_ok) AS
    n_ok, groupArray(refused_share) AS refused_share, groupArray(truncated_share) AS truncated_share,
    groupArray(log_ms_mean) AS log_ms_mean, groupArray(log_ms_square) AS log_ms_square, groupArray(n_output) AS n_output,
    groupArray(output_mean) AS output_mean, groupArray(output_square) AS output_square, groupArray(n_cost) AS n_cost,
    groupArray(cost_mean) AS cost_mean
FROM
(
    SELECT
        toString(prompt) AS prompt,
        intDiv(toUnixTimestamp(hour), 3600) AS begin,
        pow(sum(calls * w), 2) / sum(calls * w * w) AS n_calls,
        sum((calls - succeeded - client_left) * w) / sum(calls * w) AS failed,
        if(sum(succeeded) = 0, 0, pow(sum(succeeded * w), 2) / sum(succeeded * w * w)) AS n_ok,
        if(sum(succeeded) = 0, 0, least(sum((finish_reasons['content_filter'] + finish_reasons['refusal']) * w) / sum(succeeded * w), 1)) AS refused_share,
        if(sum(succeeded) = 0, 0, least(sum((finish_reasons['length'] + finish_reasons['max_tokens'] + finish_reasons['max_output_tokens']
            + finish_reasons['model_context_window_exceeded']) * w) / sum(succeeded * w), 1)) AS truncated_share,
        if(sum(succeeded) = 0, 0, sum(log_ms * w) / sum(succeeded * w)) AS log_ms_mean,
        if(sum(succeeded) = 0, 0, sum(log_ms_squares * w) / sum(succeeded * w)) AS log_ms_square,
        if(sum(output_known) = 0, 0, pow(sum(output_known * w), 2) / sum(output_known * w * w)) AS n_output,
        if(sum(output_known) = 0, 0, sum(output_tokens * w) / sum(output_known * w)) AS output_mean,
        if(sum(output_known) = 0, 0, sum(output_squares * w) / sum(output_known * w)) AS output_square,
        if(sum(cost_known) = 0, 0, pow(sum(cost_known * w), 2) / sum(cost_known * w * w)) AS n_cost,
        if(sum(cost_known) = 0, 0, sum(toFloat64(cost) * w) / sum(cost_known * w)) AS cost_mean
    FROM (SELECT *, 1 + left_out AS w FROM calls_hourly WHERE prompt IN {prompts:Array(String)})
    WHERE purpose = 'production'
      AND hour >= toDateTime({since:UInt32} * 3600, 'UTC') AND hour < toDateTime({until:UInt32} * 3600, 'UTC')
    GROUP BY prompt, hour
    HAVING sum(calls) > 0
)
GROUP BY prompt;

-- name: models
SELECT
    prompt, model, groupArray(begin) AS begin, groupArray(weight) AS weight, groupArray(square) AS square
FROM
(
    SELECT
        toString(prompt) AS prompt,
        toString(model_served) AS model,
        intDiv(toUnixTimestamp(hour), 3600) AS begin,
        sum(calls * (1 + left_out)) AS weight,
        sum(calls * pow(1 + left_out, 2)) AS square
    FROM calls_hourly
    WHERE prompt IN {prompts:Array(String)} AND purpose = 'production' AND model_served != ''
      AND hour >= toDateTime({since:UInt32} * 3600, 'UTC') AND hour < toDateTime({until:UInt32} * 3600, 'UTC')
    GROUP BY prompt, model_served, hour
    HAVING weight > 0
)
GROUP BY prompt, model;

-- name: scores
SELECT
    prompt, score, groupArray(begin) AS begin, groupArray(n) AS n, groupArray(mean) AS mean, groupArray(mean_square) AS
    mean_square
FROM
(
    SELECT
        toString(prompt) AS prompt,
        toString(name) AS score,
        intDiv(toUnixTimestamp(hour), 3600) AS begin,
        pow(sum(observations * (1 + left_out)), 2) / sum(observations * pow(1 + left_out, 2)) AS n,
        sum(total * (1 + left_out)) / sum(observations * (1 + left_out)) AS mean,
        sum(squares * (1 + left_out)) / sum(observations * (1 + left_out)) AS mean_square
    FROM scores_hourly FINAL
    WHERE prompt IN {prompts:Array(String)} AND purpose = 'production'
      AND hour >= toDateTime({since:UInt32} * 3600, 'UTC') AND hour < toDateTime({until:UInt32} * 3600, 'UTC')
    GROUP BY prompt, name, hour
    HAVING sum(observations) > 0
)
GROUP BY prompt, score;
