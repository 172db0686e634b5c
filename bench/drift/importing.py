"""Calls of a plan as lines for `slugline calls import` and `slugline scores import`, by which tests load them the long way.

Refuses to know what is in the calls.
"""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from bench.drift.loading import METRIC
from bench.drift.traffic import Calls


def imported(calls: Calls) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines of the calls, and of their scores."""
    text = calls.ids.hex()
    ids = [text[at : at + 32] for at in range(0, len(text), 32)]
    ids = [f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}" for one in ids]
    names = calls.names
    lines = [
        {
            "call_id": ids[place],
            "ts": _time(calls.at[place]),
            "purpose": "production",
            "outcome": "ok",
            "status": 200,
            "prompt": calls.prompt,
            "version": int(calls.version[place]),
            "channel": names["channel"][calls.channel[place]],
            "variant": names["variant"][calls.variant[place]],
            "user": f"user-{calls.user[place]}",
            "stratum": names["stratum"][calls.stratum[place]],
            "provider": "openai",
            "model_requested": "gpt-4o",
            "model_served": names["model"][calls.model[place]],
            "system_fingerprint": names["fingerprint"][calls.fingerprint[place]],
            "params_hash": names["params"][calls.params[place]],
            "input_tokens": int(calls.input_tokens[place]),
            "output_tokens": int(calls.output_tokens[place]),
            "duration_ms": float(calls.duration_ms[place]),
            "finish_reason": "stop",
            "attempts": "[]",
            "usage_source": "none",
            "record_mode": "full",
            "origin": "import",
        }
        for place in range(len(calls))
    ]
    scores = [
        {
            "score_id": f"{ids[place]}-{METRIC}",
            "target_kind": "call",
            "target": ids[place],
            "ts": _time(calls.scored_at[place]),
            "received_at": _time(calls.scored_at[place]),
            "name": METRIC,
            "value": float(calls.value[place]),
            "kind": "bool",
            "source": "code",
            "scorer": "accepts",
            "scorer_version": names["scorer_version"][calls.scorer_version[place]],
            "parsed": True,
        }
        for place in np.flatnonzero(calls.value >= 0)
    ]
    return lines, scores


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).isoformat(timespec="microseconds")
