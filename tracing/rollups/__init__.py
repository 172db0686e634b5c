"""Rollups by hour: those of calls are fed by materialized views and checked here; those of scores are counted here.

Everything in them is derived from `calls` and `score_events` and can be derived anew.
"""
