"""The settings that the privacy and cost pages show can be used, and say what the pages say."""

import re
from pathlib import Path

import pytest

from slugline.record_settings import DEFAULT_KINDS
from slugline.recording import check_recording, open_recorder
from slugline.settings import Settings, SettingsError, load_settings
from tracing.privacy.patterns import KINDS

DOCS = Path(__file__).parents[3] / "docs"


def shown(page: str) -> list[str]:
    return re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


@pytest.mark.parametrize("page", ["privacy.md", "cost.md"])
def test_every_setting_on_the_page_can_be_used(page: str, tmp_path: Path) -> None:
    blocks = shown(page)
    assert blocks
    for block in blocks:
        file = tmp_path / "slugline.toml"
        file.write_text(block)
        check_recording(load_settings({"data": tmp_path}, file), {})


def test_the_page_names_every_kind_and_the_defaults() -> None:
    text = (DOCS / "privacy.md").read_text()
    assert set(re.findall(r"^\| `([a-z0-9]+)` \|", text, re.MULTILINE)) - {"full", "metadata", "none"} == set(KINDS)
    assert DEFAULT_KINDS == ("secrets", "card", "iban")


def test_rules_reach_the_policy(tmp_path: Path) -> None:
    file = tmp_path / "slugline.toml"
    file.write_text(shown("privacy.md")[0])
    policy = open_recorder(load_settings({"data": tmp_path}, file), {}, lambda _: True).policy
    assert (policy.mode, policy.prompts["support-*"].mode, policy.callers["ci-*"].mode) == ("full", "metadata", "none")


def test_an_own_function_is_found_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_of_this_test.py").write_text("def clean(text):\n    return text.replace('Ada', '*')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    settings = Settings.model_validate(
        {"data": tmp_path, "record": {"redact": {"function": "mine_of_this_test:clean"}}}
    )
    assert open_recorder(settings, {}, lambda _: True).bodies.text("Ada L.") == ("* L.", 1)


@pytest.mark.parametrize("name", ["nowhere", "nowhere:f", "json:nothing", "json:__name__"])
def test_a_function_that_is_not_there(name: str, tmp_path: Path) -> None:
    settings = Settings.model_validate({"data": tmp_path, "record": {"redact": {"function": name}}})
    with pytest.raises(SettingsError, match=r"record\.redact\.function"):
        check_recording(settings, {})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("patterns = { a = '(?<=x)y' }", r"record\.redact\.patterns: .*look-around"),
        ('kinds = ["emails"]', "no built-in kind 'emails'"),
        ('identities = "hash"', r"needs record\.redact\.hash_key"),
        ('hash_key = "secret"', r"record\.redact\.hash_key"),
        ('hash_key = "env:NOT_SET"', "variable NOT_SET"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_in_words(settings: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "slugline.toml"
    file.write_text(f"[record.redact]\n{settings}\n")
    with pytest.raises(SettingsError, match=said):
        check_recording(load_settings({"data": tmp_path}, file), {})
