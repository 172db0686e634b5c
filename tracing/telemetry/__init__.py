"""OpenTelemetry: spans of apps in, spans, metrics and evaluation events of calls out, and `/metrics`.

Knows OTLP and the record. Nothing here is on a call's path but a few counters (`counters`): what goes out is made from the spool.
"""
