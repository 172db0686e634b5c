"""OpenAI's Python SDK against a third-party mock: what works directly works through Slugline, and arrives there the same."""

from collections.abc import Callable
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from tests.contract import cases_openai_chat, cases_openai_rest, cases_openai_tools
from tests.contract.comparison import Side, do, less_added_usage
from tests.plugins.aimock import Aimock
from tests.plugins.server import Server

pytestmark = pytest.mark.needs("node")

CASES = (*cases_openai_chat.CASES, *cases_openai_tools.CASES, *cases_openai_rest.CASES)
OWN_ANSWERS = frozenset({"models"})
"""Slugline makes these answers itself, from several requests to its providers."""


def client(side: Side, asynchronous: bool) -> Any:
    return (AsyncOpenAI if asynchronous else OpenAI)(
        base_url=side.url, api_key="sk-of-the-caller", max_retries=0, timeout=60, default_headers=side.headers
    )


@pytest.mark.parametrize("case", CASES, ids=[case.__name__ for case in CASES])
def test_what_works_directly_works_through_slugline(
    case: Callable[..., Any], aimock: Aimock, aimock_server: Server, record_property: Callable[[str, object], None]
) -> None:
    record_property("contract", "openai for Python")
    name = f"openai-python-{case.__name__}"
    direct = do(case, client, Side(name="direct", url=aimock.url + "/v1", test_id=f"{name}-direct"), aimock)
    assert direct.value not in (None, [], {}, "")
    through = do(case, client, Side(name="through", url=aimock_server.url + "/v1", test_id=f"{name}-through"), aimock)
    assert through.value == direct.value
    if case.__name__ not in OWN_ANSWERS:
        assert less_added_usage(through.arrived, direct.arrived) == direct.arrived
