"""The examples of docs/prompts.md are files that can be saved, and do what is said beside them."""

import re
from pathlib import Path

import pytest

from registry.errors import PromptVariableInvalidError
from registry.files.prompt_file import read_prompt_file, to_prompty
from registry.roles import owner
from registry.templates.template import CompiledContent, compile_content, render

GUIDE = (Path(__file__).parents[3] / "docs" / "prompts.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```\n(---\n.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def saved(store) -> dict[str, CompiledContent]:
    """Every example, saved in the order of the page."""
    found = {}
    for example in EXAMPLES:
        file = read_prompt_file(example, "example.prompty")
        assert file.name is not None
        version = store.save(file.name, file.content, message="m", by=owner("ann")).version
        again = read_prompt_file(to_prompty(version), "example.prompty").content
        assert not store.save(file.name, again, message="m", by=owner("ann")).created
        found[file.name] = compile_content(version.content)
    return found


def test_a_prompt_with_settings(saved):
    compiled = saved["order-status"]
    rendered = render(compiled, {"customer": {"name": "Ann", "vip": True}})
    assert rendered.messages[0]["content"] == "You answer Ann about their orders. Be warm.\nOffer a call back."
    with pytest.raises(PromptVariableInvalidError, match="variable 'customer.name' is an integer: "):
        render(compiled, {"customer": {"name": 3}})
    assert compiled.content.locked == ("model",)


def test_placeholders_parts_and_fragments(saved):
    history = [{"role": "user", "content": "Hi"}]
    messages = render(saved["summarize-chat"], {"history": history}).messages
    assert [message["content"] for message in messages][1:] == ["Hi", "Now sum it up in one sentence."]
    parts = render(saved["read-receipt"], {"person": "Bo", "image": "iVBO"}).messages[0]["content"]
    assert (parts[0]["text"], parts[1]["image_url"]["url"]) == ("What did Bo pay?", "data:image/png;base64,iVBO")
    said = "You handle refunds.\nAnswer in English, in short sentences. Never promise a refund."
    assert render(saved["refunds"], {}).messages == [{"role": "system", "content": said}]
    assert len(EXAMPLES) == len(saved) == 5
