-- Calls of a plan as rows: a table that takes numbers alone, and the calls and scores that are made of them. loading.py fills it.
-- Codes are places in {names:Array(String)}, counted from 1.

-- name: table
CREATE TABLE IF NOT EXISTS bench_calls
(
    call_id UUID, at Int64, version UInt32, prompt UInt16, channel UInt16, variant UInt16, model UInt16, fingerprint UInt16, params UInt16,
    stratum UInt16, user UInt32, input_tokens UInt32, output_tokens UInt32, duration_ms Float64, value Int8, scorer_version UInt16,
    scored_at Int64
)
ENGINE = Memory;

-- name: calls
INSERT INTO calls
    (call_id, ts, purpose, outcome, status, prompt, version, channel, variant, user, stratum, provider, model_requested, model_served,
     system_fingerprint, params_hash, input_tokens, output_tokens, duration_ms, finish_reason, attempts, usage_source, record_mode, origin)
WITH {names:Array(String)} AS names
SELECT
    call_id, fromUnixTimestamp64Milli(at, 'UTC'), 'production', 'ok', 200, names[prompt], version, names[channel], names[variant],
    concat('user-', toString(user)), names[stratum], 'openai', 'gpt-4o', names[model], names[fingerprint], names[params], input_tokens,
    output_tokens, duration_ms, 'stop', '[]', 'none', 'full', 'import'
FROM bench_calls;

-- name: scores
-- One score for each call that has one.
INSERT INTO score_events
    (score_id, target_kind, target, ts, received_at, name, value, kind, source, scorer, scorer_version, parsed)
WITH {names:Array(String)} AS names
SELECT
    concat(toString(call_id), '-', {metric:String}), 'call', toString(call_id), fromUnixTimestamp64Milli(scored_at, 'UTC'),
    fromUnixTimestamp64Micro(scored_at * 1000, 'UTC'), {metric:String}, value, 'bool', 'code', 'accepts', names[scorer_version], true
FROM bench_calls
WHERE value >= 0;
