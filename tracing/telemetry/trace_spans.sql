-- The app's spans of one trace, each once.
SELECT span_id, parent_span_id, name, service, ts, duration_ns, status, status_message, attributes
FROM spans
WHERE trace_id = {trace_id:String}
ORDER BY ts, span_id, received_at DESC
LIMIT 1 BY span_id
LIMIT {limit:UInt32}
