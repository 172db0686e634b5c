"""Settings: their sources, their order, and that the documentation lists all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from slugline.settings import Settings, SettingsError, load_settings, read_secret

DOCUMENT = Path(__file__).parents[3] / "docs" / "settings.md"


def names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        inner = [
            part
            for part in getattr(kind, "__args__", (kind,))
            if isinstance(part, type) and issubclass(part, BaseModel)
        ]
        if inner:
            placeholder = {
                "providers": ".NAME",
                "prices": ".MODEL",
                "scorers": ".NAME",
                "alerts": ".NAME",
                "prompts": ".PATTERN",
                "callers": ".PATTERN",
            }.get(name, "")
            yield from names(inner[0], f"{prefix}{name}{placeholder}.")
        else:
            yield prefix + name


def test_every_setting_is_documented_and_nothing_else() -> None:
    text = DOCUMENT.read_text()
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    documented = set()
    for row in rows:
        first, *others = [part.strip().strip("`") for part in row.split(",")]
        documented.add(first)
        documented |= {first.rpartition(".")[0] + other for other in others}
    assert documented == set(names(Settings))


def test_flags_win_over_variables_over_the_file_over_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.toml"
    file.write_text("port = 1\nworkers = 1\nidle_seconds = 1\n")
    monkeypatch.setenv("SLUGLINE_PORT", "2")
    monkeypatch.setenv("SLUGLINE_WORKERS", "2")
    monkeypatch.setenv("SLUGLINE_CLICKHOUSE__URL", "http://host/db")
    found = load_settings({"port": 3, "host": None}, file)
    assert (found.port, found.workers, found.idle_seconds, found.connect_seconds) == (3, 2, 1, 10)
    assert found.host == "127.0.0.1"
    assert found.clickhouse.url == "http://host/db"


def test_all_processes_get_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = load_settings({"data": tmp_path, "port": 7}, None)
    monkeypatch.setenv("SLUGLINE_PORT", "9")
    assert Settings.model_validate_json(found.model_dump_json()) == found


def test_a_file_that_is_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load_settings({}, tmp_path / "no.toml")


def test_secrets(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k\n")
    assert read_secret(f"file:{tmp_path / 'key'}", {}) == "k"
    assert read_secret("env:A", {"A": "x"}) == "x"
    with pytest.raises(SettingsError, match="variable B"):
        read_secret("env:B", {"A": "x"})
    with pytest.raises(SettingsError, match="No such file"):
        read_secret(f"file:{tmp_path / 'none'}", {})
