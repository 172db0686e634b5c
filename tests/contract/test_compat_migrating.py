"""The guide for those who move here: its code runs as it stands, but for the address."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.plugins.server import Server

pytestmark = [pytest.mark.needs("node"), pytest.mark.filterwarnings("ignore:.*ReadOnly.*:UserWarning")]

GUIDE = (Path(__file__).parents[2] / "docs" / "migrating.md").read_text()
SYSTEM = "You are a support agent of Acme."
ADDRESS = "http://127.0.0.1:4545"


def blocks(language: str) -> dict[str, str]:
    """Code by the title of the section that it stands in."""
    found = {}
    for section in re.split(r"^## ", GUIDE, flags=re.M)[1:]:
        for code in re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.M | re.S):
            title = section.splitlines()[0]
            assert title not in found, "one program a section"
            found[title] = code
    return found


PROGRAMS = blocks("python")


@pytest.fixture(scope="module")
def filled(aimock_server: Server) -> Server:
    aimock_server.save("support-agent", "You are a support agent of {{ company }}.", model="gpt-4o")
    aimock_server.promote("support-agent", 1)
    return aimock_server


def test_every_product_has_a_program() -> None:
    assert len(PROGRAMS) == 5
    assert all(ADDRESS in code for code in PROGRAMS.values())


@pytest.mark.parametrize("title", PROGRAMS)
def test_the_guides_program_runs(filled: Server, title: str) -> None:
    namespace: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(compile(PROGRAMS[title].replace(ADDRESS, filled.url), title, "exec"), namespace)  # noqa: S102 - the guide is ours
    try:
        if "Langfuse" in title:
            assert SYSTEM in said.getvalue()
        else:
            assert "Your parcel arrives tomorrow" in said.getvalue()
            assert (
                SYSTEM
                in filled.until(
                    "SELECT request FROM calls WHERE prompt = 'support-agent' ORDER BY ts DESC LIMIT 1", bool
                )[0]["request"]
            )
        assert "Portkey" not in title or SYSTEM in said.getvalue()
    finally:
        client = namespace["client"]
        client.shutdown() if hasattr(client, "shutdown") else client.close()


@pytest.mark.needs("clients")
def test_litellms_settings_are_what_litellm_takes(filled: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from litellm.integrations.generic_prompt_management import prompt_initializer
    from litellm.types.prompts.init_prompts import PromptLiteLLMParams, PromptSpec

    [prompt] = yaml.safe_load(blocks("yaml")["From LiteLLM"].replace(ADDRESS, filled.url))["prompts"]
    parameters = PromptLiteLLMParams(**prompt["litellm_params"])
    manager = prompt_initializer(parameters, PromptSpec(prompt_id=prompt["prompt_id"], litellm_params=parameters))
    found = manager._compile_prompt_helper(
        prompt_id=prompt["litellm_params"]["prompt_id"],
        prompt_spec=None,
        prompt_variables={"company": "Acme"},
        dynamic_callback_params={},
    )
    assert found["prompt_template"] == [{"role": "system", "content": SYSTEM}]


def test_the_readme_leads_there() -> None:
    assert "docs/migrating.md" in (Path(__file__).parents[2] / "README.md").read_text()
