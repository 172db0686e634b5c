"""A data folder with a prompt, a dataset and a judge, for tests that run `slugline eval` on it against providers on real sockets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine

from evaluation.runs.journal import NAME
from registry.cases import Case, Check
from registry.roles import owner
from registry.storage.database import open_engine
from registry.values import Content
from registry.writing.store import Store
from tests.plugins.command_line import CommandLine, Done
from tests.plugins.judge import RUBRIC
from tests.plugins.registries import new_registry

ANN = owner("ann")
PRICES = '[providers.{}.prices."*"]\ninput = 100\noutput = 100\n'


def mail(count: int) -> list[Case]:
    """Cases that differ in their input."""
    return [
        Case(messages=({"role": "user", "content": f"Where is parcel {number}?"},), note=f"parcel {number}")
        for number in range(count)
    ]


@dataclass
class Desk:
    """A registry in a folder of its own, or in the PostgreSQL database `registry`, with the versions 1 (kind) and 2 (short) of `agent`, 1
    on stable."""

    folder: Path
    provider: str
    judge: str = ""
    registry: str = ""
    store: Store = field(init=False)
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        toml = f'[providers.simulator]\nkind = "simulator"\nbase_url = "{self.provider}/v1"\nmodels = ["simulator-*"]\n'
        toml += PRICES.format("simulator")
        if self.judge:
            toml += f'[providers.judge]\nbase_url = "{self.judge}"\nmodels = ["judge-*"]\n' + PRICES.format("judge")
        self.configure(toml)
        self.data.mkdir()
        self.engine = open_engine(self.registry or new_registry(self.data / "registry.db"))
        self.store = Store(self.engine)
        self.save("agent", "You answer the mail of a parcel service. Thank the customer.")
        self.save("agent", "Be short.")
        self.store.promote("agent", 1, reason="test", by=ANN)
        if self.judge:
            self.save("judge-rubric", RUBRIC, model="judge-1")
            self.store.promote("judge-rubric", 1, reason="test", by=ANN)

    def configure(self, providers: str) -> None:
        """Writes the settings, with these providers."""
        self.config.write_text(providers + (f'[registry]\nurl = "{self.registry}"\n' if self.registry else ""))

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def config(self) -> Path:
        return self.folder / "slugline.toml"

    @property
    def options(self) -> tuple[str, ...]:
        return ("--data", str(self.data), "--config", str(self.config))

    def save(self, slug: str, text: str, *, model: str = "simulator-large", **content: Any) -> None:
        given = Content(messages=({"role": "system", "content": text},), model=model, **content)
        self.store.save(slug, given, message="test", by=ANN)

    def dataset(self, cases: Iterable[Case], checks: Sequence[Check] = (), name: str = "golden") -> str:
        """Saves a version of a dataset; gives its reference."""
        return self.store.save_dataset(name, list(cases), checks=list(checks), by=ANN).dataset.reference

    def __call__(self, *arguments: str) -> Done:
        return CommandLine(options=self.options)("eval", *arguments)

    def report(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """The report of a run that ended with this exit status."""
        done = self(*arguments, "--json")
        assert done.status == status, done.told
        told: dict[str, Any] = json.loads(done.out)
        return told

    def asked(self, *, forget: bool = False) -> list[tuple[str, str]]:
        """What the simulator was asked since it was forgotten last: the system message and the user's."""
        entries = httpx.get(f"{self.provider}/simulator/journal", timeout=30).json()["entries"]
        if forget:
            httpx.delete(f"{self.provider}/simulator/journal", timeout=30)
        return [_said(entry["body"]) for entry in entries]

    def kept(self, evaluation_id: str) -> list[tuple[str, str]]:
        """The answers in an evaluation's journal: what they were asked for. A last line that is torn is none."""
        found = []
        for line in (self.data / "evaluations" / evaluation_id / NAME).read_bytes().split(b"\n")[:-1]:
            told = json.loads(line)
            if "output" in told:
                found.append(_said(json.loads(told["output"]["request"])))
        return found


def comparable(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report without what no two runs have in common: ids and times."""
    odd = {"evaluation_id", "call_id", "latency_ms", "latency_p95_ms"}

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without(each) for name, each in value.items() if name not in odd}
        return [without(each) for each in value] if isinstance(value, list) else value

    told: dict[str, Any] = without(report)
    return told


def _said(body: Mapping[str, Any]) -> tuple[str, str]:
    texts = {message["role"]: message["content"] for message in body["messages"]}
    return texts.get("system", ""), texts.get("user", "")
