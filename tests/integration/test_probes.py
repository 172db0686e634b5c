"""Probes: nights that run once, on SQLite and PostgreSQL, what they find when a provider changes, and who is told."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from evaluation.probes.reading import probe_changes
from registry.cases import Case, Check
from registry.errors import AuthRoleNotAllowedError, PromptInvalidError
from registry.evaluations import OVER
from registry.keys import KeyTerms, principal_of
from registry.roles import Principal
from registry.writing.key_store import KeyStore
from registry.writing.store import Store
from slugline.alerting.nights import tell_of_nights
from slugline.commands.probe import CHANGED
from slugline.evaluation_queue import EvaluationRunner
from slugline.probing import begin_due
from slugline.settings import load_settings
from tests.integration.test_gate import Gated
from tests.plugins.evaluating import ANN
from tests.plugins.simulator import serve_app

CASES = 24


class Provider:
    """A model that answers question N with N, but for those in `wrong`, and calls itself what it likes."""

    def __init__(self) -> None:
        self.wrong: set[int] = set()
        self.model = "model-2026-11-01"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        asked = json.loads((await receive())["body"])
        number = int(asked["messages"][-1]["content"].split()[-1])
        message = {"role": "assistant", "content": "no idea" if number in self.wrong else str(number)}
        told = {
            **{"id": "x", "object": "chat.completion", "created": 1, "model": self.model},
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
        }
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})


class Probed(Gated):
    """A prompt `ask` with a golden dataset, and a clock that tests turn."""

    def __init__(self, folder: Path, url: str, registry: str) -> None:
        super().__init__(folder, url + "/v1", registry)
        with self.config.open("a") as config:  # what has no price can't be held to a budget
            config.write('[providers.replay.prices."*"]\ninput = 100\noutput = 100\n')
        self.now = datetime.now(UTC)
        self.store = Store(self.engine, clock=lambda: self.now)
        self.version("model")
        self.store.promote("ask", 1, reason="first", by=ANN)
        right = Check(type="equals", value="{{ n }}", metric="right")
        self.dataset([Case(variables={"question": f"question {n}", "n": str(n)}) for n in range(CASES)], [right])

    def probe(self, *arguments: str) -> Any:
        return self.line("probe", *arguments)

    def night(self, days: float = 0.0) -> list[str]:
        """Lets time go by, and does what the keeper does; gives the nights that began."""
        self.now += timedelta(days=days)
        begun = [one.evaluation_id for one in begin_due(self.store, self.now)]
        settings = load_settings({"data": self.data}, self.config)
        over = lambda: all(self.store.evaluation(each).state in OVER for each in begun)  # noqa: E731
        asyncio.run(EvaluationRunner(settings, {}, self.store).run(over))
        return begun

    def told(self) -> list[str]:
        """What the history says of changes, oldest first."""
        return [entry.reason for entry in reversed(self.store.history("ask")) if entry.action == "probe.change"]


@pytest.fixture(params=["sqlite", "postgresql"])
def probed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Probed, Provider]]:
    registry = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else ""
    provider = Provider()
    with serve_app(provider) as url:
        desk = Probed(tmp_path, url, registry)
        with contextlib.closing(desk.engine.connect()):
            yield desk, provider
        desk.engine.dispose()


def test_a_provider_that_changes_is_found_and_told_once(probed: tuple[Probed, Provider]) -> None:
    desk, provider = probed
    added = desk.probe("add", "ask", "--dataset", "golden", "--at", f"{desk.now:%H:%M}", "-m", "watch the provider")
    assert added.status == 0, added.told
    assert "ask@1 on golden@1 every night at" in added.out
    assert "nothing to compare yet" in desk.probe("list").out
    assert len(desk.night()) == 1
    assert desk.night() == [], "a night runs once"
    assert "there is no night to compare with" in desk.probe("ask").out

    assert len(desk.night(days=1)) == 1
    quiet = desk.probe("ask")
    assert quiet.status == 0, quiet.told
    assert f"ask@1 on {CASES} cases of golden@1: no change is seen" in quiet.out

    provider.wrong = set(range(0, CASES, 2))
    provider.model = "model-2026-11-09"
    assert len(desk.night(days=5)) == 1, "the nights between are caught up once"
    found = desk.probe("ask", "--dataset", "golden", "--version", "1")
    assert found.status == CHANGED
    assert "100.0% passed then and 50.0% now, -50.0 points" in found.out
    assert "model-2026-11-01 answered then and model-2026-11-09 now" in found.out
    [(probe, change)] = probe_changes(desk.store, "ask")
    assert (change.changed, change.grade, change.worse, change.better, change.cases) == (True, "A", 12, 0, CASES)
    assert desk.told() == [change.sentence]
    assert probe_changes(desk.store, since=desk.now + timedelta(days=1)) == []
    [alert] = tell_of_nights(desk.store, lambda slugs: ["hook"], desk.now)
    assert alert.suspected == change.sentence.rstrip(".")
    assert alert.lines[0].sentence.startswith("'pass rate of the probe of ask@1 on golden@1' fell 50 points [")
    assert [each.destination for each in alert.deliveries] == ["hook"]

    desk.night(days=1)
    assert desk.probe("ask").status == CHANGED
    assert len(desk.told()) == 1, "the same change is told once"
    desk.store.acknowledge(alert.alert_id, by=ANN)
    assert tell_of_nights(desk.store, lambda slugs: ["hook"], desk.now) == []
    assert desk.probe("refer", probe.probe_id, "-m", "we live with it").status == 0
    desk.night(days=1)
    assert desk.probe("ask").status == 0
    provider.wrong = set()
    desk.night(days=1)
    assert desk.probe("ask").status == CHANGED
    assert "50.0% passed then and 100.0% now" in desk.told()[-1]
    [rose] = tell_of_nights(desk.store, lambda slugs: [], desk.now)
    assert (rose.lines[0].side, rose.state) == ("up", "open")
    provider.wrong = set(range(0, CASES, 2))
    desk.night(days=1)
    assert tell_of_nights(desk.store, lambda slugs: [], desk.now) == []
    assert desk.store.alert(rose.alert_id).state == "closed", "it is as on the reference night again"

    assert desk.probe("remove", probe.probe_id).status == 0
    assert desk.night(days=3) == []
    gone = desk.probe("ask")
    assert (gone.status, "has no probe" in gone.err) == (1, True)


def test_keepers_on_one_registry_begin_a_night_once(probed: tuple[Probed, Provider]) -> None:
    desk, _ = probed
    desk.probe("add", "ask", "--dataset", "golden")
    stores = [Store(desk.engine, clock=lambda: desk.now) for _ in range(6)]
    keepers = [threading.Thread(target=begin_due, args=[store, desk.now]) for store in stores]
    for each in keepers:
        each.start()
    for each in keepers:
        each.join(60)
    [probe] = desk.store.probes("ask")
    assert len(desk.store.probe_nights(probe.probe_id)) == 1
    assert len(desk.store.evaluations("ask")) == 1


def test_a_night_now_is_on_record_as_a_probe(probed: tuple[Probed, Provider]) -> None:
    desk, provider = probed
    desk.probe("add", "ask", "--dataset", "golden", "--model", "other-model", "--repeat", "2")
    first = desk.probe("ask", "--now")
    assert first.status == 0, first.told
    provider.wrong = {1}
    second = desk.probe("ask", "--now", "--json")
    [told] = json.loads(second.out)
    assert (told["target"], told["changed"], len(told["nights"])) == ("ask@1 on other-model", False, 2)
    assert told["nights"][0]["change"]["worse"] == 1
    lines = [line for path in (desk.data / "spool").rglob("calls.*") for line in path.read_bytes().splitlines()]
    calls = [orjson.loads(line) for line in lines]
    assert {(call["purpose"], call["model_requested"]) for call in calls} == {("probe", "other-model")}
    assert len(calls) == 2 * 2 * CASES


def test_a_night_that_would_cost_too_much_stops_and_is_no_reference(probed: tuple[Probed, Provider]) -> None:
    desk, _ = probed
    desk.probe("add", "ask", "--dataset", "golden", "--budget", "0.002")
    done = desk.probe("ask", "--now", "--json")
    [told] = json.loads(done.out)
    [night] = told["nights"]
    assert (night["reference"], 0 < night["done"] < CASES, night["cost"] <= 0.002) == (False, True, True)


def test_what_makes_no_sense_is_refused(probed: tuple[Probed, Provider]) -> None:
    desk, _ = probed
    for arguments, said in (
        (("add", "ask", "--dataset", "golden", "--at", "25:00"), "such as 03:00"),
        (("add", "ask", "--dataset", "gold"), "did you mean 'golden'?"),
        (("add", "nobody", "--dataset", "golden"), "'nobody' not found"),
        (("remove", "nope"), "no probe has the id 'nope'"),
        (("ask",), "slugline probe add ask --dataset NAME"),
    ):
        done = desk.probe(*arguments)
        assert (done.status, said in done.err) == (1, True), done.told
    desk.probe("add", "ask", "--dataset", "golden")
    assert "is probed on golden@1 already" in desk.probe("add", "ask", "--dataset", "golden").err
    viewer = Principal(name="v", identity="user:v", roles=frozenset({"viewer"}))
    with pytest.raises(AuthRoleNotAllowedError):
        desk.store.add_probe("ask", 1, "golden", budget_usd=1.0, model="x", by=viewer)
    with pytest.raises(PromptInvalidError, match="budget_usd"):
        desk.store.add_probe("ask", 1, "golden", budget_usd=0.0, model="x", by=ANN)


def test_a_key_that_has_ended_begins_no_night(probed: tuple[Probed, Provider]) -> None:
    desk, _ = probed
    keys = KeyStore(desk.engine)
    key = keys.create(KeyTerms(name="ci", roles=("author",)), by=ANN).key
    desk.store.add_probe("ask", 1, "golden", budget_usd=1.0, by=principal_of(key))
    keys.revoke(key.key_id, by=ANN)
    assert begin_due(desk.store, desk.now) == []
    assert desk.store.evaluations("ask") == []
