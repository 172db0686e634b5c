"""Monitors: every hour, whether a metric of a prompt has changed, over all of them together without crying wolf."""
