"""Monitors and alerts through a whole server: command line, API and pages, each for whoever may; and a webhook that is told."""

import json
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from registry.alerts import AlertLine
from registry.storage.database import open_engine
from registry.writing.store import Store
from slugline.cli import build
from tests.plugins.collector import free_port
from tests.plugins.receivers import run_hook
from tests.plugins.server import run_server, simulator_settings
from tests.plugins.site import Site

T0 = datetime(2026, 11, 5, 9, tzinfo=UTC)


def raised(url: str, *slugs: str, cause: str = "the model <b>changed</b>", to: tuple[str, ...] = ()) -> str:
    """An alert, as the keeper raises it."""
    given = {"side": "down", "scale": "points", "since": T0, "earliest": T0, "latest": T0 + timedelta(hours=1)}
    numbers = {
        "before": 0.92,
        "after": 0.84,
        "difference": -0.08,
        "low": -0.1,
        "high": -0.06,
        "n_before": 9e3,
        "n_after": 500,
    }
    engine = open_engine(url)
    lines = [AlertLine(slug=slug, metric="helpful", **given, **numbers) for slug in slugs]
    told = {"kind": "model", "text": cause} if cause else {}
    about = "prompt" if len(slugs) == 1 else "model"
    alert = Store(engine).raise_alert(lines, about=about, name=slugs[0], cause=told, destinations=to)
    engine.dispose()
    assert alert is not None
    return alert.alert_id


@pytest.fixture
def registry(site: Site) -> str:
    return f"sqlite:///{site.server.data / 'registry.db'}"


def documented() -> list[list[str]]:
    """The commands of the guide that say what is watched."""
    block = (Path(__file__).parents[2] / "docs" / "monitors.md").read_text().split("```bash\n")[1].split("```")[0]
    return [shlex.split(line)[1:] for line in block.splitlines()]


def test_alerts_are_seen_and_acknowledged_on_their_pages_by_whoever_may(site: Site, registry: str) -> None:
    site.save("al-one", "one")
    alert = raised(registry, "al-one")
    page = site["admin"].open("/alerts?prompt=al-one")
    assert page.status == 200
    assert "'helpful' fell 8 points [6, 10]: 92 % → 84 % over 500 values" in page.text
    assert "the model <b>changed</b>" in page.text, "as text"
    shown = site["viewer"].open(f"/alerts/{alert}")
    assert shown.status == 200
    assert f"/prompts/al-one/drift?metric=helpful&amp;since={T0:%Y-%m-%d}%20{T0:%H}%3A{T0:%M}" in shown.answer.text
    assert not shown.has(f"/alerts/{alert}/acknowledge")
    assert site["viewer"].post(f"/alerts/{alert}/acknowledge", {"text": "x"}).status == 403
    foreign = site["admin"].post(f"/alerts/{alert}/acknowledge", {"text": "x"}, origin="https://elsewhere.example")
    assert foreign.status == 403
    mine = site["admin"].open(f"/alerts/{alert}")
    muted = site["admin"].send(mine, f"/alerts/{alert}/mute", hours="4", text="on it")
    assert "muted" in muted.text
    odd = site["admin"].send(muted, f"/alerts/{alert}/mute", hours="5", text="kept")
    assert (odd.status, "an alert is muted for 4 hours, a day, a week" in odd.text) == (400, True)
    done = site["admin"].send(muted, f"/alerts/{alert}/acknowledge", text="<script>known</script>")
    assert "acknowledged" in done.text
    assert "<script>known</script>" in done.text, "as text"
    assert "<script>" not in done.answer.text
    assert not done.has(f"/alerts/{alert}/acknowledge")
    history = site["admin"].open("/prompts/al-one/history").text
    assert "acknowledged the alert “al-one: 'helpful' fell”" in history
    assert "muted the alert" in history


def test_an_alert_about_several_prompts_with_no_known_cause_is_shown_to_whoever_sees_them_all(
    site: Site, registry: str
) -> None:
    for slug in ("sam-al", "al-two"):
        site.save(slug, "one")
    alert = raised(registry, "sam-al", "al-two", cause="")
    for path in ("/alerts?state=all", f"/alerts/{alert}"):
        page = site["admin"].open(path)
        assert page.status == 200
        assert "model sam-al: 2 prompts: 'helpful' fell" in page.text
    assert "No cause is known" in page.text
    assert "model sam-al" not in site["scoped"].open("/alerts").text
    assert site["scoped"].open(f"/alerts/{alert}").status == 403


def test_the_api_has_monitors_and_alerts(site: Site, registry: str) -> None:
    site.save("al-api", "one")
    put = site.call("admin", "PUT", "/api/monitors", {"prompt": "al-api", "metric": "helpful", "margin": 0.02})
    assert (put["default"], put["margin"], put["direction"]) == (False, 0.02, "worse")
    listed = site.call("viewer", "GET", "/api/monitors")["monitors"]
    assert {"error_rate", "scores", "helpful"} <= {each["metric"] for each in listed}
    gone = site.call("admin", "DELETE", "/api/monitors?prompt=al-api&metric=helpful")
    assert gone["metric"] == "helpful"
    alert = raised(registry, "al-api")
    [found] = site.call("viewer", "GET", "/api/alerts?prompt=al-api&state=open")["alerts"]
    assert (found["alert_id"], found["lines"][0]["sentence"][:14]) == (alert, "'helpful' fell")
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert site.call("admin", "POST", f"/api/alerts/{alert}/mute", {"until": until})["muted"] is True
    done = site.call("admin", "POST", f"/api/alerts/{alert}/acknowledge", {"note": "n"})
    assert (done["state"], done["note"]) == ("acknowledged", "n")


def test_the_command_line_has_them_and_a_webhook_is_told(tmp_path: Path, provider: str) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(build(), [*arguments], env={"COLUMNS": "200"})
        assert result.exit_code == code, (arguments, result.output, result.exception)
        return result.output

    with run_hook() as hook:
        away = f"http://127.0.0.1:{free_port()}/"
        toml = f'{simulator_settings(provider)}[alerts.hook]\nurl = "{hook.url}"\n[alerts.away]\nurl = "{away}"\n'
        config, data = tmp_path / "slugline.toml", tmp_path / "data"
        config.write_text(toml)
        here = ("--config", str(config), "--data", str(data))
        assert "hook: sent" in run("alert", "test", *here, code=1)
        assert hook.posts[0].json["type"] == "alert.test"
        with run_server(tmp_path, toml, workers=1, wait_for_engine=False) as server:
            there = ("--server", server.url)
            server.save("al-cli", "one")
            assert "helpful of al-cli: falls" in run("monitor", "set", "al-cli", "helpful", *there)
            assert "latency of every prompt: not watched" in run("monitor", "set", "*", "latency", "--off", *there)
            for where in (there, here):
                told = run("monitor", "list", *where)
                assert told.count("latency") == 1
                assert "al-cli" in told
            assert "taken away" in run("monitor", "remove", "al-cli", "helpful", *here)
            alert = raised(f"sqlite:///{data / 'registry.db'}", "al-cli", to=("hook", "away"))
            post = hook.wait(2)[1]
            assert post.json["data"]["alert"]["alert_id"] == alert
            assert post.json["data"]["url"] == f"{server.url}/alerts/{alert}"
            assert alert in run("alert", "list", *there)
            shown = run("alert", "show", alert, *there)
            assert "told hook (opened): sent after 1 tries" in shown
            assert "suspected cause: the model" in shown
            assert "muted until" in run("alert", "mute", alert, "--for", "2d", "-m", "later", *there)
            assert "acknowledged" in run("alert", "ack", alert, "-m", "known", *there)
            assert "no alert is open" in run("alert", "list", *there)
            [told] = json.loads(run("alert", "list", "--state", "all", "--json", *there))["alerts"]
            assert (told["acknowledged_by"] != "", told["note"]) == (True, "known")
            server.save("support-agent", "one")
            for command in documented():
                run(*command, *there)
            unknown = CliRunner().invoke(build(), ["alert", "show", "x", *there]).exception
            assert "no alert has the id 'x'" in str(unknown)
