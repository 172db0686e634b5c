"""How long who waits for whom when the registry has changed, in seconds."""

LEASE_SECONDS = 2.0
"""How long a worker on PostgreSQL may answer from what it holds after it last knew that to be the newest."""

SETTLE_SECONDS = 0.5
"""How long a reply waits for workers whose freshness doesn't hang on their acknowledgement."""
