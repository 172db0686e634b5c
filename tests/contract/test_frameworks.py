"""LangChain and LiteLLM as clients, each as a program in an environment of its own: directly, through Slugline, and with a prompt."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.comparison import Seen, less_added_usage
from tests.plugins.aimock import Aimock
from tests.plugins.programs import run_program
from tests.plugins.server import Server

pytestmark = pytest.mark.needs("node", "clients")

CLIENTS = Path(__file__).parents[1] / "clients"
PYTHON = Path(sys.prefix) / "clients" / "bin" / "python"
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false"}
UNORDERED = frozenset({"batch", "embed"})

Results = dict[str, Seen]


def names(program: str) -> list[str]:
    """The cases of a program, as they stand in it."""
    table = (CLIENTS / program).read_text().partition("\nCASES = (")[2].partition("\n)")[0]
    return re.findall(r"\w+", table)


def run(program: str, side: str, url: str, mock: Aimock) -> Results:
    prefix = f"{program.removesuffix('_cases.py')}-{side}"
    return run_program([PYTHON, CLIENTS / program], url + "/v1", prefix, mock, **QUIET)


@pytest.fixture(scope="session")
def prompted(aimock_server: Server) -> Server:
    aimock_server.save("clients", "You work for {{ company }}.", model="gpt-4o")
    return aimock_server


@pytest.fixture(scope="session")
def langchain(aimock: Aimock, prompted: Server) -> tuple[Results, Results]:
    return tuple(run("langchain_cases.py", side, at.url, aimock) for side, at in _sides(aimock, prompted))  # type: ignore[return-value]


@pytest.fixture(scope="session")
def litellm(aimock: Aimock, prompted: Server) -> tuple[Results, Results]:
    return tuple(run("litellm_cases.py", side, at.url, aimock) for side, at in _sides(aimock, prompted))  # type: ignore[return-value]


def _sides(aimock: Aimock, server: Server) -> tuple[tuple[str, Aimock], tuple[str, Server]]:
    return ("direct", aimock), ("through", server)


@pytest.mark.parametrize("name", names("langchain_cases.py"))
def test_langchain(
    langchain: tuple[Results, Results], name: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("contract", "langchain-openai")
    same(name, *langchain)


@pytest.mark.parametrize("name", names("litellm_cases.py"))
def test_litellm(litellm: tuple[Results, Results], name: str, record_property: Callable[[str, object], None]) -> None:
    record_property("contract", "litellm")
    same(name, *litellm)


@pytest.mark.parametrize("client", ["langchain", "litellm"])
@pytest.mark.parametrize("name", ["prompt_by_model_name", "prompt_by_body"])
def test_a_prompt(request: pytest.FixtureRequest, client: str, name: str) -> None:
    seen = request.getfixturevalue(client)[1][name]
    assert seen.value.get("value"), seen.value
    for arrival in seen.arrived:
        assert arrival["body"]["model"] == "gpt-4o"
        assert arrival["body"]["messages"][0] == {"role": "system", "content": "You work for Acme."}
        assert not {"prompt", "variables"} & set(arrival["body"])
    assert seen.arrived


def same(name: str, direct: Results, through: Results) -> None:
    assert direct[name].value.get("value"), direct[name].value
    assert through[name].value == direct[name].value
    if name in UNORDERED:
        assert len(through[name].arrived) == len(direct[name].arrived)
    elif name != "errors":
        assert less_added_usage(through[name].arrived, direct[name].arrived) == direct[name].arrived
