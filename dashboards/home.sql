-- Traffic of the last seven days by prompt and version, for the home page.
SELECT
    prompt,
    version,
    count() AS calls,
    countIf(outcome NOT IN ('ok', 'client_left')) AS errors,
    quantileTDigest(0.5)(duration_ms) AS p50_ms,
    sum(cost) AS cost,
    max(ts) AS last_call
FROM calls
WHERE prompt != '' AND purpose = 'production' AND ts > now64(3) - INTERVAL 7 DAY
GROUP BY prompt, version
