-- The calls of one trace, without their bodies.
SELECT call_id, ts, span_id, parent_span_id, endpoint, purpose, outcome, error_code, error_message, prompt, version, version_id, channel,
       variant, caller, user, session, provider, model_requested, model_served, input_tokens, output_tokens, cost, duration_ms,
       first_chunk_ms, finish_reason
FROM calls
WHERE trace_id = {trace_id:String}
ORDER BY ts, call_id
LIMIT {limit:UInt32}
