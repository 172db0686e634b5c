-- Where a row comes from: '' for calls through this proxy, 'import', 'langfuse' or 'litellm' for history from elsewhere.
ALTER TABLE calls ADD COLUMN IF NOT EXISTS origin LowCardinality(String);

-- The newest calls of all prompts: rows lie by prompt and version, so each granule of them covers a short stretch of time.
ALTER TABLE calls ADD INDEX IF NOT EXISTS by_ts ts TYPE minmax GRANULARITY 1;
