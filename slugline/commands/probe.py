"""`slugline probe`: the same cases asked of the same version and model every night, so that a change is the provider's.

Exit status of `slugline probe SLUG`: 0 nothing changed, 1 it could not be told, 3 a probe found a change.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from slugline.commands.options import (
    Config,
    Data,
    Json,
    Server,
    Slug,
    Why,
    open_registry,
    print_json,
    print_rows,
    settings_for,
)

if TYPE_CHECKING:
    from slugline.commands.options import Registry
    from slugline.probe_access import ProbeAccess
    from slugline.probe_schemas import ProbeOut
    from slugline.settings import Settings

CHANGED = 3

ProbeId = Annotated[str, typer.Argument(help="The probe's id, as `slugline probe list` shows it.", show_default=False)]
Dataset = Annotated[str | None, typer.Option("--dataset", metavar="NAME[@N]", help="The cases.", show_default=False)]


class _Shows(TyperGroup):
    """A group that takes what is none of its commands for a prompt to show: `slugline probe support-agent`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts `show` in front of a slug."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["show", *args]
        return super().parse_args(ctx, args)


def build() -> typer.Typer:
    """The group `slugline probe`."""
    group = typer.Typer(
        help="The same cases asked every night of the same version and model. `slugline probe SLUG` says what they found.",
        no_args_is_help=True,
        cls=_Shows,
    )
    for command in (show, add, list_, refer, remove):
        group.command(command.__name__.rstrip("_"))(command)
    return group


def show(
    slug: Slug,
    dataset: Dataset = None,
    version: Annotated[int | None, typer.Option("--version", min=1, help="Only probes of this version.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only probes of this model.", show_default=False)] = None,
    now: Annotated[bool, typer.Option("--now", help="Run them now, and wait for what comes of it.")] = False,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Say what the probes of a prompt found, and with --now run them first.

    Exit status: 0 nothing changed, 1 it could not be told, 3 one found a change.
    """
    from slugline.settings import SettingsError

    with _access(data, config, server) as (access, run):
        found = [each for each in access.all_probes(slug) if _meant(each, dataset, version, model)]
        if not found:
            what = " that these options name" if dataset or version or model else ""
            raise SettingsError(
                f"{slug} has no probe{what}: set one up with `slugline probe add {slug} --dataset NAME`, or see `slugline probe list`"
            )
        if now:
            for each in found:
                run(each)
            ids = {each.probe_id for each in found}
            found = [each for each in access.all_probes(slug) if each.probe_id in ids]
    if json:
        print_json([each.model_dump(mode="json") for each in found])
    else:
        for each in found:
            _print(each)
    if any(each.changed for each in found):
        raise typer.Exit(CHANGED)


def add(
    slug: Slug,
    dataset: Annotated[str, typer.Option("--dataset", metavar="NAME[@N]", help="The cases.", show_default=False)],
    version: Annotated[
        str, typer.Option("--version", help="A channel or a number: the version there now is pinned.")
    ] = "stable",
    model: Annotated[
        str | None, typer.Option("--model", help="Ask this model instead of the version's own.", show_default=False)
    ] = None,
    at: Annotated[str, typer.Option("--at", metavar="HH:MM", help="When each night, UTC.")] = "03:00",
    budget: Annotated[float, typer.Option("--budget", min=0, help="US dollars for each night, judges included.")] = 1.0,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, max=100, help="How often each case is asked in a night.")
    ] = 1,
    embedding_model: Annotated[
        str | None, typer.Option("--embedding-model", help="The model for the check 'similar'.", show_default=False)
    ] = None,
    message: Why = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Set up a probe. Its first night is the reference that others are compared with."""
    from slugline.probe_schemas import ProbeBody

    body = ProbeBody(
        prompt=slug,
        version=version,
        dataset=dataset,
        model=model,
        repeats=repeat,
        budget_usd=budget,
        nightly_at=at,
        embedding_model=embedding_model,
        reason=message,
    )
    with _access(data, config, server) as (access, _):
        found = access.add(body)
    if json:
        print_json(found.model_dump(mode="json"))
        return
    print(
        f"{found.target} on {found.dataset} every night at {found.nightly_at} UTC, for ${found.budget_usd:,.2f} at most"
    )
    print(f"the server's keeper takes the reference now; `slugline probe {slug}` says what nights after it find")


def list_(
    slug: Annotated[str | None, typer.Argument(help="Only this prompt's.", show_default=False)] = None,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """List probes."""
    with _access(data, config, server) as (access, _):
        found = access.all_probes(slug)
    if json:
        print_json([each.model_dump(mode="json") for each in found])
        return
    print_rows(
        ("id", "probe", "cases", "at (UTC)", "a night", "nights", "found"),
        [
            (
                each.probe_id,
                each.target,
                each.dataset,
                each.nightly_at,
                f"${each.budget_usd:,.2f}",
                str(len(each.nights)),
                {None: "nothing to compare yet", True: "a change", False: "no change"}[each.changed],
            )
            for each in found
        ],
    )


def refer(
    probe_id: ProbeId,
    evaluation: Annotated[
        str | None,
        typer.Option(
            "--evaluation", help="The night's evaluation (default: the newest that is done).", show_default=False
        ),
    ] = None,
    message: Why = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take a night as the reference that others are compared with from now on: after a change that you live with."""
    from slugline.probe_schemas import ReferenceBody

    with _access(data, config, server) as (access, _):
        found = access.refer(probe_id, ReferenceBody(evaluation_id=evaluation, reason=message))
    _told(
        found,
        f"{found.target}: nights are compared with {next(n.night for n in found.nights if n.reference)} from now on",
        json,
    )


def remove(
    probe_id: ProbeId,
    message: Why = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Remove a probe; what its nights found stays."""
    with _access(data, config, server) as (access, _):
        found = access.remove(probe_id, message)
    _told(found, f"{found.target} is probed no more", json)


def _told(found: ProbeOut, sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        print(sentence)


def _meant(probe: ProbeOut, dataset: str | None, version: int | None, model: str | None) -> bool:
    on = dataset is None or dataset in (probe.dataset, probe.dataset.partition("@")[0])
    return on and version in (None, probe.version) and model in (None, probe.model)


def _print(probe: ProbeOut) -> None:
    from slugline.commands.words import moment

    print(probe.sentence or f"{probe.target} on {probe.dataset}: there is no night to compare with the reference yet")
    rows = []
    for night in probe.nights:
        what = "reference" if night.reference else {None: "", True: "changed", False: "no change"}[night.changed]
        how = (
            f"{night.done - night.failed}/{night.done} passed"
            if night.state == "done"
            else f"{night.state} {night.error}".strip()
        )
        rows.append((moment(night.at), how, f"${night.cost:.4f}", what, night.evaluation_id))
    if rows:
        print_rows(("night (UTC)", "cases", "cost", "", "evaluation"), rows)


@contextlib.contextmanager
def _access(data: Path | None, config: Path | None, server: str | None) -> Iterator[tuple[ProbeAccess, Any]]:
    """The probes of the registry that the options name, and what runs one now and waits for it."""
    from slugline.commands.evaluation_server import awaited, server_client
    from slugline.probe_access import LocalProbes, RemoteProbes

    with server_client(data, config, server) as client:
        if client is not None:
            remote = RemoteProbes(client)
            yield remote, lambda probe: awaited(client, [remote.run(probe.probe_id).nights[0].evaluation_id])
            return
        settings = settings_for(data, config)
        with contextlib.closing(open_registry(settings)) as registry:
            yield LocalProbes(registry.store, registry.by), lambda probe: _run_here(settings, registry, probe)


def _run_here(settings: Settings, registry: Registry, found: ProbeOut) -> None:
    """A night that this process runs."""
    from evaluation.runs.terms import RunOptions
    from slugline.commands.eval_here import carried
    from slugline.evaluation_run import Terms, create
    from slugline.probing import conclude, night_now, plan_of_probe

    store, by = registry.store, registry.by
    probe = store.probe(found.probe_id)
    plan = plan_of_probe(store, probe)
    night = store.begin_night(probe.probe_id, night_now())
    create(settings, store, night.evaluation_id, plan, by=by)
    terms = Terms(options=RunOptions(budget_usd=probe.budget_usd), purpose="probe")
    report, _ = asyncio.run(carried(settings, registry, night.evaluation_id, plan, terms))
    if report.complete:
        conclude(store, probe.probe_id, night.night)
