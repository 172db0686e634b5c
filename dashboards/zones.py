"""The zone in which somebody reads and types times: from the address, from their cookie, or UTC. Pure, but for the system's zone data.

Knows names of zones as the tz database has them (https://www.iana.org/time-zones). Refuses to guess one from a language or an address.

A script puts the browser's own zone into the cookie, with `auto:` in front, so that it follows whoever travels; a choice stands without.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from starlette.requests import Request

COOKIE = "slugline_zone"
PARAMETER = "zone"
"""In an address that was copied: what is typed in it means the same to whoever opens it."""
AUTO = "auto:"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_LONGEST = 60


def read_zone(name: str) -> tzinfo | None:
    """The zone of a name such as Europe/Berlin, None where there is no such zone."""
    if name == "UTC":
        return UTC
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def name_of(zone: tzinfo) -> str:
    """What a zone is called."""
    return zone.key if isinstance(zone, ZoneInfo) else "UTC"


def zone_of(request: Request) -> tzinfo:
    """The zone of whoever asks: that of the address, else their own, else UTC."""
    said = (request.query_params.get(PARAMETER, ""), request.cookies.get(COOKIE, "").removeprefix(AUTO))
    return next((zone for name in said if name and (zone := read_zone(name)) is not None), UTC)


def stamp(at: datetime, zone: tzinfo) -> str:
    """A time to the second, as clocks in a zone show it."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
