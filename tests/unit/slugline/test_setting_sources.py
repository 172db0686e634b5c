"""Where settings come from, and that none shows a secret."""

from pathlib import Path

import pytest

from slugline.setting_sources import MASK, masked, read_sources, shown_settings
from slugline.settings import load_settings


def test_each_source_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(
        'retries = 2\nport = 1\nworkers = 3\n[retention]\nrows_days = 9\n[providers.a]\nbase_url = "http://a"\n'
    )
    environment = {"SLUGLINE_RETENTION__BODIES_DAYS": "5", "SLUGLINE_PORT": "7", "SLUGLINE_WORKERS": "4"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings({"data": tmp_path, "port": 8}, config)
    sources = read_sources(settings, environment)
    assert sources == {
        "data": "option",
        "port": "option",
        "workers": "SLUGLINE_WORKERS",
        "retries": "mine.toml",
        "retention.rows_days": "mine.toml",
        "retention.bodies_days": "SLUGLINE_RETENTION__BODIES_DAYS",
        "providers.a.base_url": "mine.toml",
    }
    shown = {each.name: (each.value, each.source) for each in shown_settings(settings, sources)}
    assert shown["retries"] == ("2", "mine.toml")
    assert shown["log_level"] == ("info", "default")


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("registry.url", "postgresql://me:planted@host/db?password=planted", f"postgresql://me:{MASK}@host/db?{MASK}"),
        ("registry.url", "sqlite:////data/registry.db", "sqlite:////data/registry.db"),
        ("alerts.a.url", "https://hooks.example/services/T0/planted", f"https://hooks.example/{MASK}"),
        ("alerts.a.url", "env:HOOK", "env:HOOK"),
        ("telemetry.headers.x-key", "planted", MASK),
        ("telemetry.headers.x-key", "env:KEY", "env:KEY"),
        ("providers.a.options.api_key", "planted", MASK),
        ("providers.a.api_key", "file:/run/secrets/a", "file:/run/secrets/a"),
        ("providers.a.base_url", "https://a.example/v1", "https://a.example/v1"),
        ("providers.a.models", ["a", "b"], '["a", "b"]'),
        ("public_url", "", "none"),
        ("x.url", "http://[broken", MASK),
    ],
)
def test_what_might_be_a_secret_is_masked(name: str, value: object, shown: str) -> None:
    assert masked(name, value) == shown
