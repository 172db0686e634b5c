"""What a worker holds of the registry, in memory and on disk, never out of date."""
