"""`slugline prompt`, as far as channels are protected: rules, requests for promotions, and what others say of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from slugline.commands.options import (
    Channel,
    Config,
    Data,
    Json,
    Number,
    Once,
    Server,
    Slug,
    Why,
    access_for,
    print_model,
    print_rows,
)

if TYPE_CHECKING:
    from registry.values import PromotionRequest

Request = Annotated[
    str, typer.Argument(help="The request's id, as `slugline prompt requests` shows it.", show_default=False)
]


def request(
    slug: Slug,
    version: Number = None,
    channel: Channel = "stable",
    message: Why = "",
    idempotency_key: Once = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Ask that a version be promoted."""
    with access_for(data, config, server) as access:
        asked = access.ask(slug, version, channel=channel, reason=message, idempotency_key=idempotency_key)
    _print_request(asked, json)


def requests(
    slug: Annotated[str | None, typer.Argument(help="Only this prompt's.", show_default=False)] = None,
    state: Annotated[str, typer.Option(help="open, rejected, withdrawn or promoted; all for every state.")] = "open",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """List requests for promotions, newest first, with what they still lack."""
    from registry.http.governance_schemas import RequestList, RequestOut

    with access_for(data, config, server) as access:
        found = access.requests(slug, state=None if state == "all" else state)
    if json:
        print_model(RequestList(requests=[RequestOut.of(each) for each in found]))
    elif not found:
        print("no requests" if state == "all" else f"no {state} requests")
    else:
        print("\n\n".join(_in_words(each) for each in found))


def review(
    kind: Annotated[
        Literal["approve", "reject", "comment"], typer.Argument(help="What you say of it.", show_default=False)
    ],
    request: Request,
    message: Annotated[
        str, typer.Option("-m", "--message", help="Your words; a rejection and a comment need some.")
    ] = "",
    idempotency_key: Once = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Approve or reject a request for a promotion, or comment on it. Nobody approves their own work."""
    with access_for(data, config, server) as access:
        asked = access.review(request, kind, text=message, idempotency_key=idempotency_key)
    _print_request(asked, json)


def withdraw(
    request: Request,
    message: Why = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take a request back, a rejected one too."""
    with access_for(data, config, server) as access:
        asked = access.withdraw(request, reason=message)
    _print_request(asked, json)


def protect(
    slug: Annotated[
        str, typer.Argument(help="The prompt's slug; '*' (in quotes) for every prompt.", show_default=False)
    ],
    channel: Channel = "stable",
    approvals: Annotated[
        int, typer.Option(min=0, help="By others than who made the version or asked for its promotion.")
    ] = 0,
    evaluation: Annotated[bool, typer.Option("--evaluation", help="An evaluation of the version that passed.")] = False,
    holdback: Annotated[
        float, typer.Option(help="Per cent of callers that stay back for a day at each promotion.")
    ] = 0.0,
    policy: Annotated[
        Path | None,
        typer.Option(help="What an evaluation must have shown: a YAML or JSON file.", show_default=False),
    ] = None,
    message: Why = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Say what a channel asks for before a version gets onto it. This replaces what it asked for; without options, nothing."""
    from registry.http.governance_schemas import RuleOut
    from slugline.commands.words import rule_in_words

    asked = None if policy is None else _read_policy(policy)
    with access_for(data, config, server) as access:
        rule = access.protect(
            slug,
            channel=channel,
            approvals=approvals,
            evaluation=evaluation,
            holdback=holdback,
            policy=asked,
            reason=message,
        )
    if json:
        print_model(RuleOut.of(rule))
    else:
        whose = "every prompt" if rule.slug == "*" else rule.slug
        print(f"{rule.channel} of {whose} asks for: {rule_in_words(rule)}")


def _read_policy(file: Path) -> Mapping[str, Any]:
    from registry.files.yaml_text import load_yaml
    from registry.policy import read_policy, write_policy
    from slugline.settings import SettingsError

    try:
        return write_policy(read_policy(load_yaml(file.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"can't read {file}: {error}") from error


def rules(json: Json = False, server: Server = None, data: Data = None, config: Config = None) -> None:
    """List what channels ask for. A rule for one prompt adds to the rule for all ('*')."""
    from registry.http.governance_schemas import RuleList, RuleOut
    from slugline.commands.words import rule_in_words

    with access_for(data, config, server) as access:
        found = access.rules()
    if json:
        print_model(RuleList(rules=[RuleOut.of(rule) for rule in found]))
    else:
        print_rows(
            ("prompt", "channel", "asks for"), [(rule.slug, rule.channel, rule_in_words(rule)) for rule in found]
        )


def _print_request(asked: PromotionRequest, as_json: bool) -> None:
    from registry.http.governance_schemas import RequestOut

    if as_json:
        print_model(RequestOut.of(asked))
    else:
        print(_in_words(asked))


def _in_words(asked: PromotionRequest) -> str:
    from slugline.commands.words import moment
    from slugline.next_step import after_review

    why = f": {asked.reason}" if asked.reason else ""
    lines = [
        f"{asked.request_id}  {asked.state}",
        f"  {asked.slug}: version {asked.version} on {asked.channel}, asked by {asked.requested_by} at "
        f"{moment(asked.created_at)} UTC{why}",
    ]
    verbs = {"approve": "approved", "reject": "rejected", "comment": "commented"}
    for said in asked.reviews:
        words = f": {said.text}" if said.text else ""
        lines.append(f"  {said.actor} {verbs[said.kind]} at {moment(said.at)} UTC{words}")
    lines += [f"  missing: {sentence}" for sentence in asked.missing]
    if step := after_review(asked):
        lines.append(f"  next: {step}")
    return "\n".join(lines)
