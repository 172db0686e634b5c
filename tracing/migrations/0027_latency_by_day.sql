-- versions_daily has taken its place. On its own, because the migration before reads it.
DROP VIEW IF EXISTS latency_daily_feed;

DROP TABLE IF EXISTS latency_daily;
