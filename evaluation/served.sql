-- Which versions answered a prompt's calls in a window. Parameters: prompt, since_ms and until_ms (a half-open window in
-- milliseconds since 1970).

-- name: served
SELECT
    version,
    toString(channel) AS channel,
    toString(variant) AS variant,
    count() AS calls,
    countIf(outcome NOT IN ('ok', 'client_left')) AS errors,
    toUnixTimestamp64Milli(min(ts)) AS first_ms,
    toUnixTimestamp64Milli(max(ts)) AS last_ms
FROM calls
WHERE prompt = {prompt:String}
  AND ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
  AND ts < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
  AND purpose = 'production'
  AND version > 0
GROUP BY version, channel, variant
ORDER BY channel, version, variant;
