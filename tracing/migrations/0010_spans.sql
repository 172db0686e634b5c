-- What apps send over OTLP. The ordering key serves a trace's tree; the same span sent twice is one row once parts are merged, and
-- readers take one row a span until then.
CREATE TABLE IF NOT EXISTS spans
(
    trace_id            String,
    span_id             String,
    parent_span_id      String,
    trace_state         String,
    name                LowCardinality(String),
    kind                LowCardinality(String),
    ts                  DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    duration_ns         UInt64 CODEC(ZSTD(1)),
    status              LowCardinality(String),
    status_message      String CODEC(ZSTD(3)),
    service             LowCardinality(String),
    scope_name          LowCardinality(String),
    scope_version       LowCardinality(String),
    resource_attributes Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    attributes          Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    event_ts            Array(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    event_names         Array(LowCardinality(String)) CODEC(ZSTD(1)),
    event_attributes    Array(Map(LowCardinality(String), String)) CODEC(ZSTD(3)),
    link_trace_ids      Array(String) CODEC(ZSTD(1)),
    link_span_ids       Array(String) CODEC(ZSTD(1)),
    link_trace_states   Array(String) CODEC(ZSTD(1)),
    link_attributes     Array(Map(LowCardinality(String), String)) CODEC(ZSTD(3)),
    dropped             UInt32,
    caller              LowCardinality(String),
    received_at         DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    INDEX by_ts ts TYPE minmax GRANULARITY 1,
    INDEX by_name name TYPE set(1000) GRANULARITY 4,
    INDEX by_service service TYPE set(1000) GRANULARITY 4,
    INDEX by_span_id span_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_attribute_key mapKeys(attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_attribute_value mapValues(attributes) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(ts)
ORDER BY (trace_id, span_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- The rest of a call's trace context: W3C tracestate, and whether the app's trace is sampled.
ALTER TABLE calls ADD COLUMN IF NOT EXISTS trace_state String;

ALTER TABLE calls ADD COLUMN IF NOT EXISTS sampled Bool DEFAULT true;
