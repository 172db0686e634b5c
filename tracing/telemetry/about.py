"""Which call a score is about, for its event: the ids of its span, its prompt and version.

Knows the calls that went by lately, and asks ClickHouse for others. An app's own id and a trace mean the last call of theirs.
"""

import logging
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable
from tracing.event import CallEvent, ScoreEvent

log = logging.getLogger("slugline.telemetry")

MOST_KNOWN = 20_000

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_Key = tuple[str, str]


class About:
    """What is known of calls."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._known: OrderedDict[_Key, Mapping[str, Any]] = OrderedDict()

    def note(self, call: CallEvent) -> None:
        """Keeps a call in mind."""
        about = {
            "call_id": call.call_id,
            "trace_id": call.trace_id,
            "span_id": call.span_id,
            "response_id": call.response_id,
            "prompt": call.prompt,
            "version": call.version,
        }
        for key in (("call", call.call_id), ("trace", call.trace_id), ("external", call.external_id)):
            if key[1]:
                self._known[key] = about
                self._known.move_to_end(key)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    async def find(self, scores: Sequence[ScoreEvent]) -> list[Mapping[str, Any] | None]:
        """What is known of each score's call; None where that is nothing, or ClickHouse is away."""
        keys = [(score.target_kind, score.target) for score in scores]
        missing = [key for key in keys if key not in self._known]
        asked = await self._ask(missing) if missing else {}
        return [self._known.get(key) or asked.get(key) for key in keys]

    async def _ask(self, keys: Sequence[_Key]) -> dict[_Key, Mapping[str, Any]]:
        parameters = {
            "calls": sorted({key for kind, key in keys if kind == "call" and _UUID.fullmatch(key)}),
            "traces": sorted({key for kind, key in keys if kind == "trace"}),
            "externals": sorted({key for kind, key in keys if kind == "external"}),
        }
        sql = (resources.files("tracing.telemetry") / "calls_of_scores.sql").read_text("utf-8")
        try:
            rows = (await self._clickhouse.query(sql, parameters)).dicts()
        except ClickHouseUnavailable:
            return {}
        except ClickHouseRefused:
            log.exception("the calls of scores could not be looked up")
            return {}
        return {(row["kind"], row["key"]): row for row in rows}
