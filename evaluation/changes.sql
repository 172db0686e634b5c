-- What served the calls of prompts, hour by hour, of prompts that were served by more than one. Parameters: prompt ('' for all), since and
-- until (seconds since 1970, whole hours). changes.py puts model_served or system_fingerprint in the place of the marks.

-- name: served
SELECT
    toString(prompt) AS slug,
    intDiv(toUnixTimestamp(hour), 3600) AS hour_number,
    toString(/*what*/) AS value,
    sum(calls * (1 + left_out)) AS n
FROM calls_hourly
WHERE prompt GLOBAL IN
(
    SELECT prompt
    FROM calls_hourly
    WHERE prompt != '' AND ({prompt:String} = '' OR prompt = {prompt:String}) AND purpose = 'production' AND /*what*/ != ''
      AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
    GROUP BY prompt
    HAVING uniqExact(/*what*/) > 1
)
  AND purpose = 'production' AND /*what*/ != ''
  AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
GROUP BY slug, hour_number, value
ORDER BY slug, hour_number, value;
