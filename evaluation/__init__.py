"""Is it good enough: scores, quality by version."""
