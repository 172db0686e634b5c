"""Settings and health, as a page: is anything amiss, what waits, who serves which revision, and what the server was told.

Knows what is shown to whom: health to whoever may look around, settings to admins. Refuses to know where the figures lie: what looks them
up stands above the pages and is handed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from dashboards.frame import HEADERS, Frame


class Health(Protocol):
    """Looks at the server. Takes up to a second where a worker or ClickHouse doesn't answer."""

    async def look(self) -> Mapping[str, Any]:
        """What there is to tell, as JSON has it: `troubles`, `records`, `clickhouse`, `registry`, `workers`, `keeper`, `versions`."""
        ...

    def settings(self) -> Sequence[Any]:
        """Every setting in force: `name`, `value`, `source`."""
        ...


def add_health(router: APIRouter, frame: Frame, health: Health) -> None:
    """`/settings` and its twin."""

    def is_admin(request: Request) -> bool:
        return frame.visitor(request).may("manage keys")

    @router.get("/settings.json")
    async def get_twin(request: Request) -> JSONResponse:
        admin, told = is_admin(request), dict(await health.look())
        if admin:
            told["settings"] = [
                {"name": each.name, "value": each.value, "source": each.source} for each in health.settings()
            ]
        return JSONResponse(told, headers=HEADERS)

    @router.get("/settings")
    async def get_settings(request: Request) -> HTMLResponse:
        admin, told = is_admin(request), await health.look()
        return frame.page(request, "settings.html", health=told, settings=health.settings() if admin else None)
