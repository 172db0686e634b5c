"""What the spool's two sides stand on: segments and their folders, room and losses for whoever records; shipments, their notes, what of
them is in ClickHouse, and the lag, for the loader."""
