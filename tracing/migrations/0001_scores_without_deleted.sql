ALTER TABLE score_events ADD COLUMN IF NOT EXISTS deleted Bool DEFAULT false;

-- As before, without deleted scores.
CREATE OR REPLACE VIEW scores AS
WITH keyed AS
(
    SELECT 'call' AS key_kind, toString(call_id) AS key, ts AS call_ts, call_id, trace_id, external_id, prompt, version, channel, model_served, purpose FROM calls
    WHERE call_id IN (SELECT toUUIDOrZero(target) FROM score_events WHERE target_kind = 'call')
    UNION ALL
    SELECT 'external', external_id, ts, call_id, trace_id, external_id, prompt, version, channel, model_served, purpose FROM calls WHERE external_id != '' AND external_id IN (SELECT target FROM score_events WHERE target_kind = 'external')
    UNION ALL
    SELECT 'trace', trace_id, ts, call_id, trace_id, external_id, prompt, version, channel, model_served, purpose FROM calls WHERE trace_id != '' AND trace_id IN (SELECT target FROM score_events WHERE target_kind = 'trace')
),
owner AS
(
    SELECT key_kind, key,
           argMax((call_id, trace_id, external_id, toString(prompt), version, toString(channel), toString(model_served), toString(purpose), call_ts), call_ts) AS c
    FROM keyed
    GROUP BY key_kind, key
)
SELECT
    e.score_id AS score_id,
    o.c.1 AS call_id,
    o.c.2 AS trace_id,
    o.c.3 AS external_id,
    e.ts AS ts,
    e.name AS name,
    e.value AS value,
    e.label AS label,
    e.kind AS kind,
    e.source AS source,
    e.scorer AS scorer,
    e.scorer_version AS scorer_version,
    e.parsed AS parsed,
    e.comment AS comment,
    o.c.4 AS prompt,
    o.c.5 AS version,
    o.c.6 AS channel,
    o.c.7 AS model_served,
    o.c.8 AS purpose,
    o.c.9 AS call_ts,
    e.target_kind AS target_kind,
    e.target AS target
FROM (SELECT * FROM score_events FINAL WHERE NOT deleted) AS e
LEFT JOIN owner AS o ON o.key_kind = e.target_kind AND o.key = e.target;
