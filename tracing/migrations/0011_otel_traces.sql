-- Calls as the OpenTelemetry collector's ClickHouse exporter stores spans, for Grafana's ClickHouse plugin and HyperDX:
-- https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/clickhouseexporter
CREATE OR REPLACE VIEW otel_traces AS
SELECT
    toDateTime64(ts, 9, 'UTC') AS Timestamp,
    trace_id AS TraceId,
    span_id AS SpanId,
    parent_span_id AS ParentSpanId,
    trace_state AS TraceState,
    toLowCardinality(concat(multiIf(endpoint = 'embeddings', 'embeddings', endpoint = 'completions', 'text_completion', 'chat'), ' ', model_requested))
        AS SpanName,
    toLowCardinality('Client') AS SpanKind,
    toLowCardinality('slugline') AS ServiceName,
    CAST(map('service.name', 'slugline'), 'Map(LowCardinality(String), String)') AS ResourceAttributes,
    'slugline' AS ScopeName,
    '' AS ScopeVersion,
    CAST(
        mapFilter((name, text) -> text != '', map(
            'gen_ai.operation.name', multiIf(endpoint = 'embeddings', 'embeddings', endpoint = 'completions', 'text_completion', 'chat'),
            'gen_ai.provider.name', toString(provider),
            'gen_ai.request.model', toString(model_requested),
            'gen_ai.response.model', toString(model_served),
            'gen_ai.response.id', response_id,
            'gen_ai.response.finish_reasons', toString(finish_reason),
            'gen_ai.usage.input_tokens', ifNull(toString(input_tokens), ''),
            'gen_ai.usage.output_tokens', ifNull(toString(output_tokens), ''),
            'gen_ai.conversation.id', session,
            'gen_ai.prompt.name', toString(prompt),
            'gen_ai.prompt.version', if(version = 0, '', toString(version)),
            'user.id', user,
            'error.type', toString(error_code),
            'slugline.call_id', toString(call_id),
            'slugline.channel', toString(channel),
            'slugline.purpose', toString(purpose),
            'slugline.cost', ifNull(toString(cost), '')
        )),
        'Map(LowCardinality(String), String)'
    ) AS SpanAttributes,
    toUInt64(greatest(duration_ms, 0) * 1000000) AS Duration,
    toLowCardinality(multiIf(outcome = 'ok', 'Ok', outcome = 'client_left', 'Unset', 'Error')) AS StatusCode,
    error_message AS StatusMessage,
    CAST([], 'Array(DateTime64(9))') AS `Events.Timestamp`,
    CAST([], 'Array(LowCardinality(String))') AS `Events.Name`,
    CAST([], 'Array(Map(LowCardinality(String), String))') AS `Events.Attributes`,
    CAST([], 'Array(String)') AS `Links.TraceId`,
    CAST([], 'Array(String)') AS `Links.SpanId`,
    CAST([], 'Array(String)') AS `Links.TraceState`,
    CAST([], 'Array(Map(LowCardinality(String), String))') AS `Links.Attributes`
FROM calls
UNION ALL
SELECT
    ts, trace_id, span_id, parent_span_id, trace_state,
    name,
    toLowCardinality(if(kind = 'unspecified', 'Unspecified', concat(upper(substring(kind, 1, 1)), substring(kind, 2)))),
    service,
    resource_attributes,
    toString(scope_name), toString(scope_version),
    attributes,
    duration_ns,
    toLowCardinality(concat(upper(substring(status, 1, 1)), substring(status, 2))),
    status_message,
    event_ts, event_names, event_attributes, link_trace_ids, link_span_ids, link_trace_states, link_attributes
FROM spans FINAL;

-- Where a trace lies in time, as the exporter's lookup table says it.
CREATE OR REPLACE VIEW otel_traces_trace_id_ts AS
SELECT trace_id AS TraceId, toDateTime(min(ts), 'UTC') AS Start, toDateTime(max(ts), 'UTC') AS End
FROM
(
    SELECT trace_id, ts FROM calls WHERE trace_id != ''
    UNION ALL
    SELECT trace_id, toDateTime64(ts, 3, 'UTC') AS ts FROM spans
)
GROUP BY trace_id;
