-- Calls that name no prompt, grouped by the fingerprint of their system prompt. Parameters: since_ms and until_ms (a half-open window
-- in milliseconds since 1970), purpose ('' for any), and most: how many fingerprints, those with the most calls first.
-- Refused calls asked no provider anything, so they count nowhere.

-- name: totals
SELECT count() AS calls, uniqExact(system_prompt_hash) AS fingerprints
FROM calls
WHERE prompt = '' AND outcome != 'refused' AND endpoint IN ('chat.completions', 'responses', 'completions', 'messages')
  AND ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
  AND ts < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
  AND ({purpose:String} = '' OR purpose = {purpose:String});

-- name: groups
SELECT
    system_prompt_hash AS fingerprint,
    count() AS calls,
    sumMap(map(toString(if(model_served != '', model_served, model_requested)), toUInt64(1))) AS models,
    sumMap(map(toString(model_requested), toUInt64(1))) AS requested,
    sumMap(map(toString(caller), toUInt64(1))) AS callers,
    sumMap(map(concat(toString(endpoint), ' ', params_hash), toUInt64(1))) AS settings,
    toUnixTimestamp64Milli(min(ts)) AS first_ms,
    toUnixTimestamp64Milli(max(ts)) AS last_ms
FROM calls
WHERE prompt = '' AND outcome != 'refused' AND endpoint IN ('chat.completions', 'responses', 'completions', 'messages')
  AND ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
  AND ts < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
  AND ({purpose:String} = '' OR purpose = {purpose:String})
GROUP BY system_prompt_hash
ORDER BY calls DESC, fingerprint
LIMIT {most:UInt32};

-- name: texts
-- The system prompt of one call for each fingerprint, as JSON: a string, or a list of parts. It stands where the fingerprint was
-- taken from: the first system or developer message of messages or input, else instructions, else system.
-- Only the bodies of the calls picked first are parsed.
WITH
    picked AS
    (
        SELECT argMax(call_id, ts) AS call_id
        FROM calls
        WHERE prompt = '' AND outcome != 'refused' AND endpoint IN ('chat.completions', 'responses', 'completions', 'messages')
          AND record_mode = 'full' AND system_prompt_hash != ''
          AND ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
          AND ts < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
          AND ({purpose:String} = '' OR purpose = {purpose:String})
        GROUP BY system_prompt_hash
        ORDER BY count() DESC, system_prompt_hash
        LIMIT {most:UInt32}
    ),
    bodies AS
    (
        SELECT
            system_prompt_hash AS fingerprint,
            JSONExtractRaw(request, 'instructions') AS instructions,
            JSONExtractRaw(request, 'system') AS system,
            arrayFirst(
                message -> JSONExtractString(message, 'role') IN ('system', 'developer'),
                arrayConcat(JSONExtractArrayRaw(request, 'messages'), JSONExtractArrayRaw(request, 'input'))
            ) AS message
        FROM calls
        WHERE prompt = ''
          AND ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
          AND ts < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
          AND call_id IN (SELECT call_id FROM picked)
    )
SELECT
    fingerprint,
    multiIf(
        message != '', JSONExtractRaw(message, 'content'),
        instructions NOT IN ('', 'null', '""'), instructions,
        system
    ) AS content
FROM bodies
WHERE length(content) <= 1000000;

-- name: settings
-- What one call asked for beside its messages. Parameters: the window, and fingerprint, endpoint, params_hash.
SELECT
    params,
    JSONExtractRaw(request, 'tools') AS tools
FROM calls
WHERE prompt = '' AND outcome != 'refused'
  AND system_prompt_hash = {fingerprint:String} AND params_hash = {params_hash:String} AND endpoint = {endpoint:String}
  AND ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
  AND ts < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
ORDER BY record_mode = 'full' DESC, ts DESC
LIMIT 1;
