"""SDKs for Node.js against a third-party mock: what works directly works through Slugline, and arrives there the same."""

import re
from collections.abc import Callable

import pytest

from tests.contract.comparison import Seen, less_added_usage
from tests.plugins.aimock import NODE, Aimock
from tests.plugins.programs import run_program
from tests.plugins.server import Server

pytestmark = pytest.mark.needs("node")

AT_ONCE = frozenset({"fiftyAtOnce"})


def names(program: str) -> list[str]:
    """The cases of a program, as they stand in it."""
    text = (NODE / program).read_text()
    shared, _, own = text.partition("const cases = {")
    found = re.findall(r"^  async (\w+)\(", own, re.MULTILINE)
    both = re.findall(r"^  async (\w+)\(", shared, re.MULTILINE)
    return found + [f"{api}-{name}" for api in re.findall(r'both\("(\w+)"\)', own) for name in both]


Results = dict[str, Seen]


@pytest.fixture(scope="session")
def openai_direct(aimock: Aimock) -> Results:
    return run_program(["node", NODE / "openai.mjs"], aimock.url + "/v1", "openai-node-direct", aimock)


@pytest.fixture(scope="session")
def openai_through(aimock: Aimock, aimock_server: Server) -> Results:
    return run_program(["node", NODE / "openai.mjs"], aimock_server.url + "/v1", "openai-node-through", aimock)


@pytest.fixture(scope="session")
def ai_direct(aimock: Aimock) -> Results:
    return run_program(["node", NODE / "ai.mjs"], aimock.url + "/v1", "ai-direct", aimock)


@pytest.fixture(scope="session")
def ai_through(aimock: Aimock, aimock_server: Server) -> Results:
    return run_program(["node", NODE / "ai.mjs"], aimock_server.url + "/v1", "ai-through", aimock)


@pytest.mark.parametrize("name", names("openai.mjs"))
def test_openai_for_node(
    openai_direct: Results, openai_through: Results, name: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("contract", "openai for Node")
    same(name, openai_direct[name], openai_through[name])


@pytest.mark.parametrize("name", names("ai.mjs"))
def test_the_vercel_ai_sdk(
    ai_direct: Results, ai_through: Results, name: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("contract", "Vercel AI SDK")
    same(name, ai_direct[name], ai_through[name])


def same(name: str, direct: Seen, through: Seen) -> None:
    assert direct.value.get("value"), direct.value
    assert through.value == direct.value
    if name in AT_ONCE:
        assert len(through.arrived) == len(direct.arrived)
    elif not name.endswith("errors"):
        assert less_added_usage(through.arrived, direct.arrived) == direct.arrived
