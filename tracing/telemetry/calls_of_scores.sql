-- The calls that scores are about, by their own id, their trace or the app's id; of several the last.
SELECT 'call' AS kind, toString(c.call_id) AS key, toString(c.call_id) AS call_id, trace_id, span_id, response_id, prompt, version
FROM calls AS c
WHERE c.call_id IN {calls:Array(UUID)}
UNION ALL
SELECT 'trace', trace_id, toString(argMax(c.call_id, c.ts)), trace_id, argMax(c.span_id, c.ts), argMax(c.response_id, c.ts),
       argMax(c.prompt, c.ts), argMax(c.version, c.ts)
FROM calls AS c
WHERE trace_id IN {traces:Array(String)}
GROUP BY trace_id
UNION ALL
SELECT 'external', external_id, toString(argMax(c.call_id, c.ts)), argMax(c.trace_id, c.ts), argMax(c.span_id, c.ts),
       argMax(c.response_id, c.ts), argMax(c.prompt, c.ts), argMax(c.version, c.ts)
FROM calls AS c
WHERE external_id IN {externals:Array(String)} AND external_id != ''
GROUP BY external_id
