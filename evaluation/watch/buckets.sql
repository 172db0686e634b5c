-- The scores of versions of a prompt on a channel, by hour: what evaluation/watch/detector.py looks at. Parameters: prompt, channel, versions,
-- names, since and until (seconds since 1970, a half-open window of whole hours).
-- Calls of a sample are weighed by what each stands for, 1 + left_out; n is how many equal weights know as much (Kish).
SELECT
    toString(name) AS score,
    version,
    toUnixTimestamp(hour) AS begin,
    pow(sum(observations * (1 + left_out)), 2) / sum(observations * pow(1 + left_out, 2)) AS n,
    sum(total * (1 + left_out)) / sum(observations * (1 + left_out)) AS mean,
    sum(squares * (1 + left_out)) / sum(observations * (1 + left_out)) AS mean_square
FROM scores_hourly FINAL
WHERE prompt = {prompt:String} AND channel = {channel:String} AND purpose = 'production'
  AND version IN {versions:Array(UInt32)} AND name IN {names:Array(String)}
  AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour < toDateTime({until:UInt32}, 'UTC')
GROUP BY name, version, hour
HAVING sum(observations) > 0
ORDER BY name, version, hour;
