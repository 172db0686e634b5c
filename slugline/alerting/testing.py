"""A test of every destination of the settings: what would be told, told once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime

import uuid_utils

from slugline.alerting.delivering import Destinations, open_destinations
from slugline.alerting.message import sample_message
from slugline.alerting.sending import NotSent
from slugline.settings import Settings, SettingsError


async def send_tests(settings: Settings, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Sends a test to each, side by side; gives by name what went wrong, "" where nothing did. Raises SettingsError."""
    destinations = open_destinations(settings, environment)
    errors = await asyncio.gather(*(_test(destinations, name) for name in destinations.by_name))
    return dict(zip(destinations.by_name, errors, strict=True))


async def _test(destinations: Destinations, name: str) -> str:
    message = sample_message(str(uuid_utils.uuid7()), base_url=destinations.base_url(), at=datetime.now(UTC))
    try:
        await destinations.by_name[name].send(message)
    except (NotSent, SettingsError) as error:
        return str(error)
    return ""
