"""Anthropic's Python SDK against third-party mocks: what works directly works through Slugline, and arrives there the same."""

from collections.abc import Callable
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic

from tests.contract import cases_anthropic
from tests.contract.cases_anthropic import said
from tests.contract.comparison import Side, do
from tests.plugins.aimock import Aimock
from tests.plugins.llmock import Llmock
from tests.plugins.server import Server

TYPES = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    409: anthropic.ConflictError,
    413: anthropic.RequestTooLargeError,
    422: anthropic.UnprocessableEntityError,
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
    529: anthropic.OverloadedError,
}


def client(side: Side, asynchronous: bool) -> Any:
    return (AsyncAnthropic if asynchronous else Anthropic)(
        base_url=side.url, api_key="sk-of-the-caller", max_retries=0, timeout=60, default_headers=side.headers
    )


@pytest.mark.needs("node")
@pytest.mark.parametrize("case", cases_anthropic.CASES, ids=[case.__name__ for case in cases_anthropic.CASES])
def test_what_works_directly_works_through_slugline(
    case: Callable[..., Any], aimock: Aimock, aimock_server: Server, record_property: Callable[[str, object], None]
) -> None:
    record_property("contract", "anthropic for Python")
    name = f"anthropic-python-{case.__name__}"
    direct = do(case, client, Side(name="direct", url=aimock.url, test_id=f"{name}-direct"), aimock)
    assert direct.value not in (None, [], {}, "")
    through = do(case, client, Side(name="through", url=aimock_server.url, test_id=f"{name}-through"), aimock)
    assert through.value == direct.value
    assert through.arrived == direct.arrived


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", list(TYPES))
def test_an_error_is_the_same_exception(llmock: Llmock, llmock_server: Server, status: int, stream: bool) -> None:
    def told(url: str) -> dict[str, Any]:
        llmock.reset()
        failure = {"type": "fail", "status": status, "message": f"no: {status}", "times": None}
        llmock.script({**failure, **({"retry_after": 17} if status in {429, 529} else {})})
        with (
            Anthropic(base_url=url, api_key="x", max_retries=0, timeout=60) as sdk,
            pytest.raises(anthropic.APIStatusError) as raised,
        ):
            sdk.messages.create(**said("Where is my parcel?"), stream=stream)
        error = raised.value
        return {
            "class": type(error),
            "message": error.message,
            "body": error.body,
            "retry-after": error.response.headers.get("retry-after"),
        }

    direct = told(llmock.url + "/anthropic")
    assert direct["class"] is TYPES[status]
    assert told(llmock_server.url) == direct
    llmock.reset()


def test_an_error_of_slugline_itself_is_a_typed_exception(llmock_server: Server) -> None:
    with (
        Anthropic(base_url=llmock_server.url, api_key="x", max_retries=0) as sdk,
        pytest.raises(anthropic.NotFoundError, match="no-such-prompt"),
    ):
        sdk.messages.create(**{**said("x"), "model": "prompt/no-such-prompt"})
